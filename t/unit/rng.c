/* rng.c: random numbers. */

#include "base/rng.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <unistd.h>

#include "unit.h"

START_TEST(below)
{
	unsigned count[10] = { 0 };

	for (int i = 0; i < 100000; i++) {
		uint64_t v = rng_below(10);

		ck_assert_uint_lt(v, 10);
		count[v]++;
	}
	for (int i = 0; i < 10; i++)
		ck_assert_msg(count[i] > 9000 && count[i] < 11000, "%d: %u", i, count[i]);
	ck_assert_uint_eq(rng_below(1), 0);
	ck_assert_uint_le(rng_below(UINT64_MAX), UINT64_MAX - 1);
}
END_TEST

START_TEST(every_bit)
{
	uint64_t ones = 0, zeroes = 0;

	for (int i = 0; i < 100; i++) {
		uint64_t v = rng_next();

		ones |= v;
		zeroes |= ~v;
	}
	ck_assert_uint_eq(ones & zeroes, UINT64_MAX);
}
END_TEST

START_TEST(child_differs)
{
	uint64_t *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;

	ck_assert(shared != MAP_FAILED);
	rng_init();
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		rng_init();
		*shared = rng_next();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_uint_ne(*shared, rng_next());
	munmap(shared, sizeof(*shared));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rng");
	TCase *tc = tcase_create("rng");

	tcase_add_test(tc, below);
	tcase_add_test(tc, every_bit);
	tcase_add_test(tc, child_differs);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
