/* tls_memory.c: OpenSSL's objects come from free lists, which are bounded. */

#include "unit.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "net/tls_memory.h"

START_TEST(taken_again)
{
	void *p = OPENSSL_malloc(100);

	ck_assert_ptr_nonnull(p);
	OPENSSL_free(p);
	if (!MEM_CHECKED)
		ck_assert_ptr_eq(OPENSSL_malloc(97), p);
	else
		p = OPENSSL_malloc(97);
	OPENSSL_free(p);
	ck_assert_ptr_null(OPENSSL_malloc(0));
	OPENSSL_free(NULL);
}
END_TEST

/* Whatever an object was before, it has the bytes that were asked for. */
START_TEST(any_size)
{
	static const size_t sizes[] = { 1, 15, 16, 17, 1023, 1024, 1025, 1040, 1048, 2047, 2048,
	    17000, 32767, 32768, 32769, 33000, 100000 };
	void *all[ARRAY_LEN(sizes)];

	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			all[i] = OPENSSL_malloc(sizes[i]);
			ck_assert_uint_ge(malloc_usable_size(all[i]), sizes[i]);
			memset(all[i], round, sizes[i]);
		}
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
			OPENSSL_free(all[(i + (size_t)round) % ARRAY_LEN(sizes)]);
	}
}
END_TEST

START_TEST(grows_with_its_bytes)
{
	char *p = OPENSSL_realloc(NULL, 1);

	p[0] = 'x';
	for (size_t n = 2; n < 200000; n = n * 3 / 2 + 1) {
		p = OPENSSL_realloc(p, n);
		ck_assert_ptr_nonnull(p);
		ck_assert_int_eq(p[0], 'x');
		ck_assert_int_eq(p[n / 2 - 1], 'x');
		memset(p, 'x', n);
	}
	ck_assert_ptr_null(OPENSSL_realloc(p, 0));
}
END_TEST

/* After a flood the memory goes back. */
START_TEST(keeps_little)
{
	enum { MANY = 4096, BYTES = 1000, KEPT = 600 * 1024 };
	static void *all[MANY];
	size_t before = mallinfo2().uordblks;

	for (int i = 0; i < MANY; i++)
		all[i] = OPENSSL_malloc(BYTES);
	for (int i = 0; i < MANY; i++)
		OPENSSL_free(all[i]);
	ck_assert_uint_lt(mallinfo2().uordblks, before + KEPT);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("tls_memory");
	TCase *tc = tcase_create("all");

	tls_memory_use();
	tcase_add_test(tc, taken_again);
	tcase_add_test(tc, any_size);
	tcase_add_test(tc, grows_with_its_bytes);
	tcase_add_test(tc, keeps_little);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
