/* share.c: totals and shares, moved by several processes, that die at any moment. */

#include "unit.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shm/share.h"

enum { WORKERS = 4, MAX = 3 };

struct shared {
	_Atomic uint32_t total;
	_Atomic uint32_t shares[WORKERS];
	_Atomic uint64_t taken;
	_Atomic uint32_t inside;	/* who is between take and give, as they say */
	_Atomic uint32_t most;
};

static struct shared *s;

static void
setup(void)
{
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(s, MAP_FAILED);
}

static void
teardown(void)
{
	munmap(s, sizeof(*s));
}

static _Noreturn void
work(int worker)
{
	for (;;) {
		uint32_t inside;

		if (!share_take(&s->total, &s->shares[worker], MAX))
			continue;
		inside = atomic_fetch_add(&s->inside, 1) + 1;
		if (inside > atomic_load(&s->most))
			atomic_store(&s->most, inside);
		atomic_fetch_add(&s->taken, 1);
		atomic_fetch_sub(&s->inside, 1);
		share_give(&s->total, &s->shares[worker]);
	}
}

static void
start(pid_t pids[WORKERS])
{
	for (int i = 0; i < WORKERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			work(i);
	}
}

static void
end(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(test_never_above_max)
{
	pid_t pids[WORKERS];

	start(pids);
	while (atomic_load(&s->taken) < 200000)
		;
	for (int i = 0; i < WORKERS; i++)
		end(pids[i]);
	ck_assert_uint_le(atomic_load(&s->most), MAX);
	ck_assert_uint_gt(atomic_load(&s->most), 0);
}
END_TEST

START_TEST(test_deaths_leave_nothing)
{
	uint64_t last_look = 0;
	pid_t pids[WORKERS];

	start(pids);
	while (atomic_load(&s->taken) < 1000)
		;
	for (int i = 0; i < WORKERS; i++) {
		end(pids[i]);
		share_repair(&s->total, &s->shares[i]);
	}
	share_correct(&s->total, s->shares, WORKERS, &last_look);
	share_correct(&s->total, s->shares, WORKERS, &last_look);
	ck_assert_uint_eq(atomic_load(&s->total), 0);
}
END_TEST

START_TEST(test_one_look_is_not_enough)
{
	uint64_t last_look = 0;

	atomic_store(&s->total, 5);
	atomic_store(&s->shares[2], 4);
	share_correct(&s->total, s->shares, WORKERS, &last_look);
	ck_assert_uint_eq(atomic_load(&s->total), 5);
	atomic_store(&s->total, 6);
	share_correct(&s->total, s->shares, WORKERS, &last_look);
	ck_assert_uint_eq(atomic_load(&s->total), 6);
	share_correct(&s->total, s->shares, WORKERS, &last_look);
	ck_assert_uint_eq(atomic_load(&s->total), 4);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("share");
	TCase *tc = tcase_create("share");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_never_above_max);
	tcase_add_test(tc, test_deaths_leave_nothing);
	tcase_add_test(tc, test_one_look_is_not_enough);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
