/* shm_core.c: slots of workers, given and taken back, and waking them. */

#include "unit.h"

#include <poll.h>

#include "shm/core.h"

static struct shm_core core;

static void
setup(void)
{
	ck_assert_int_eq(shm_core_new(&core), 0);
}

static void
teardown(void)
{
	shm_core_close(&core);
}

START_TEST(test_all_slots)
{
	for (int i = 0; i < SHM_WORKERS; i++)
		ck_assert_int_eq(shm_core_claim(&core, 1), i);
	ck_assert_int_eq(shm_core_claim(&core, 1), -1);
	shm_core_release(&core, 17);
	ck_assert_int_eq(shm_core_claim(&core, 2), 17);
	ck_assert_int_eq(shm_core_claim(&core, 2), -1);
}
END_TEST

START_TEST(test_slot_is_clean)
{
	struct shm_worker *w = &core.data->workers[0];

	ck_assert_int_eq(shm_core_claim(&core, 7), 0);
	ck_assert_uint_eq(atomic_load(&w->generation), 7);
	ck_assert_uint_eq(atomic_load(&w->state), SHM_STARTING);
	atomic_store(&w->pid, 4711);
	atomic_store(&w->connections, 3);
	atomic_store(&w->requests, 9);
	shm_core_release(&core, 0);
	ck_assert_uint_eq(atomic_load(&w->state), SHM_FREE);
	ck_assert_int_eq(shm_core_claim(&core, 8), 0);
	ck_assert_int_eq(atomic_load(&w->pid), 0);
	ck_assert_uint_eq(atomic_load(&w->connections), 0);
	ck_assert_uint_eq(atomic_load(&w->requests), 0);
}
END_TEST

static bool
woken(int slot)
{
	struct pollfd p = { .fd = core.wake_fds[slot], .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

START_TEST(test_wake)
{
	ck_assert_int_eq(shm_core_claim(&core, 1), 0);
	ck_assert(!woken(0));
	shm_core_wake(&core, 0);
	ck_assert(woken(0));
	ck_assert(!woken(1));
	shm_core_release(&core, 0);
	ck_assert_int_eq(shm_core_claim(&core, 1), 0);
	ck_assert_msg(!woken(0), "a new worker is woken for the one before");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("core");
	TCase *tc = tcase_create("core");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_all_slots);
	tcase_add_test(tc, test_slot_is_clean);
	tcase_add_test(tc, test_wake);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
