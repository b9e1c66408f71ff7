/* arena.c: memory that dies together. */

#include "base/arena.h"

#include <string.h>

#include "base/mem.h"
#include "unit.h"

static struct arena a;

static void
setup(void)
{
	arena_init(&a);
}

static void
teardown(void)
{
	arena_fini(&a);
}

START_TEST(alignment_and_separation)
{
	unsigned char *p[400];

	for (size_t i = 0; i < ARRAY_LEN(p); i++) {
		p[i] = arena_alloc(&a, i);
		ck_assert_uint_eq((uintptr_t)p[i] % ARENA_ALIGN, 0);
		memset(p[i], (int)(i & 255), i);
	}
	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		for (size_t j = 0; j < i; j++)
			ck_assert_uint_eq(p[i][j], i & 255);
}
END_TEST

START_TEST(nothing_is_something)
{
	void *p = arena_alloc(&a, 0), *q = arena_alloc(&a, 0);

	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_nonnull(q);
}
END_TEST

/* Bigger than a chunk, first and between small ones, and exactly at the border. */
START_TEST(big)
{
	char *p = memset(arena_alloc(&a, 100000), 1, 100000);
	char *small = memset(arena_alloc(&a, 10), 2, 10);
	char *q = memset(arena_alloc(&a, 5000), 3, 5000);
	char *next = arena_alloc(&a, 10);

	ck_assert(MEM_CHECKED || next == small + 16);
	ck_assert(p[99999] == 1 && small[9] == 2 && q[0] == 3);
	for (size_t n = 4000; n < 4200; n++)
		memset(arena_alloc(&a, n), 4, n);
}
END_TEST

START_TEST(zeroes)
{
	memset(arena_alloc(&a, 512), 0xff, 512);
	arena_fini(&a);
	for (const char *p = arena_zalloc(&a, 512), *end = p + 512; p < end; p++)
		ck_assert_int_eq(*p, 0);
}
END_TEST

START_TEST(texts)
{
	struct str s = arena_str(&a, STR_OF("a\0b")), long_text;

	ck_assert(str_eq(s, STR_OF("a\0b")));
	ck_assert_int_eq(s.p[3], '\0');
	s = arena_str(&a, STR_OF(""));
	ck_assert_ptr_nonnull(s.p);
	ck_assert_int_eq(s.p[0], '\0');
	ck_assert_ptr_null(arena_str(&a, str_make(NULL, 0)).p);
	ck_assert(str_eq(arena_printf(&a, "%s-%d", "x", 42), STR_OF("x-42")));
	long_text = arena_printf(&a, "%06000d", 7);
	ck_assert_uint_eq(long_text.n, 6000);
	ck_assert_uint_eq(strlen(long_text.p), 6000);
}
END_TEST

START_TEST(chunks_are_used_again)
{
	void *first = arena_alloc(&a, 100);

	arena_fini(&a);
	ck_assert(MEM_CHECKED || arena_alloc(&a, 100) == first);
	arena_fini(&a);
	arena_fini(&a);
}
END_TEST

START_TEST(size)
{
	ck_assert_uint_eq(a.bytes, 0);
	arena_alloc(&a, 100000);
	ck_assert_uint_ge(a.bytes, 100000);
	ck_assert_uint_lt(a.bytes, 100100);
	for (int i = 0; i < 1000; i++)
		arena_alloc(&a, 16);
	ck_assert_uint_ge(a.bytes, 116000);
	ck_assert(MEM_CHECKED || a.bytes < 125000);
	arena_fini(&a);
	ck_assert_uint_eq(a.bytes, 0);
}
END_TEST

/* A size that no memory has ends the process in the agreed way. */
START_TEST(impossible)
{
	arena_alloc(&a, SIZE_MAX - 8);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("arena");
	TCase *tc = tcase_create("arena");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, alignment_and_separation);
	tcase_add_test(tc, nothing_is_something);
	tcase_add_test(tc, big);
	tcase_add_test(tc, zeroes);
	tcase_add_test(tc, texts);
	tcase_add_test(tc, chunks_are_used_again);
	tcase_add_test(tc, size);
	if (!MEM_CHECKED)	/* the sanitizer itself objects to such sizes */
		tcase_add_exit_test(tc, impossible, MEM_EXIT);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
