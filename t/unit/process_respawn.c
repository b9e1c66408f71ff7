/* respawn.c: how long a slot waits for its next worker. */

#include "unit.h"

#include "process/respawn.h"

START_TEST(grows_with_early_crashes)
{
	static const msec want[] = { 0, 0, 0, 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000 };
	struct respawn r = { 0 };

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		ck_assert_int_eq(respawn_delay(&r, i % 2 == 0 ? 0 : RESPAWN_EARLY_MS - 1, false),
		    want[i]);
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(respawn_delay(&r, 0, false), 10000);
}
END_TEST

START_TEST(forgets_when_one_lived)
{
	struct respawn r = { 0 };

	for (int i = 0; i < 20; i++)
		respawn_delay(&r, 0, false);
	ck_assert_int_eq(respawn_delay(&r, RESPAWN_EARLY_MS, false), 0);
	for (int i = 0; i < RESPAWN_FREE; i++)
		ck_assert_int_eq(respawn_delay(&r, 0, false), 0);
	ck_assert_int_eq(respawn_delay(&r, 0, false), RESPAWN_FIRST_MS);
}
END_TEST

/* To be killed is no sign of a fault, and none of health. */
START_TEST(killed_ones_cost_no_time)
{
	struct respawn r = { 0 };

	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(respawn_delay(&r, 0, true), 0);
	for (int i = 0; i < RESPAWN_FREE; i++)
		ck_assert_int_eq(respawn_delay(&r, 0, false), 0);
	ck_assert_int_eq(respawn_delay(&r, 0, true), 0);
	ck_assert_int_eq(respawn_delay(&r, 0, false), RESPAWN_FIRST_MS);
	ck_assert_int_eq(respawn_delay(&r, RESPAWN_EARLY_MS, true), 0);
	ck_assert_int_eq(respawn_delay(&r, 0, false), 0);
}
END_TEST

START_TEST(half_of_them_may_wait)
{
	for (unsigned slots = 1; slots <= 256; slots++)
		for (unsigned waiting = 0; waiting <= slots; waiting++)
			ck_assert_int_eq(respawn_may_wait(waiting, slots),
			    2 * (waiting + 1) <= slots);
}
END_TEST

/* As many forks as are allowed, over a minute, from a moment on: never too many in any second. */
static void
ck_pace(msec begin)
{
	struct respawn_pace p = { .count = 0 };
	msec now = begin, forks[60 * RESPAWN_FORKS];
	unsigned n = 0;

	while (n < sizeof(forks) / sizeof(forks[0])) {
		msec next = respawn_next(&p, now);

		ck_assert_int_ge(next, now);
		if (next == now) {
			respawn_note(&p, now);
			forks[n++] = now;
		}
		now = next;
	}
	for (unsigned i = RESPAWN_FORKS; i < n; i++)
		ck_assert_int_ge(forks[i] - forks[i - RESPAWN_FORKS], 1000);
	ck_assert_int_eq(forks[RESPAWN_FORKS - 1], begin);
	ck_assert_int_eq(forks[n - 1], begin + 59 * 1000);
	ck_assert_int_eq(respawn_next(&p, now + 5000), now + 5000);
}

START_TEST(forks_keep_a_pace)
{
	ck_pace(0);			/* the machine has just booted */
	ck_pace(123456789);
}
END_TEST

START_TEST(failures_are_no_deaths)
{
	static const msec want[] = { 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000 };
	struct respawn r = { 0 };

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		ck_assert_int_eq(respawn_retry(&r), want[i]);
	ck_assert_int_eq(respawn_delay(&r, 0, false), 0);
	r.failures = 0;
	ck_assert_int_eq(respawn_retry(&r), RESPAWN_FIRST_MS);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("respawn");
	TCase *tc = tcase_create("respawn");

	tcase_add_test(tc, grows_with_early_crashes);
	tcase_add_test(tc, forgets_when_one_lived);
	tcase_add_test(tc, killed_ones_cost_no_time);
	tcase_add_test(tc, half_of_them_may_wait);
	tcase_add_test(tc, forks_keep_a_pace);
	tcase_add_test(tc, failures_are_no_deaths);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
