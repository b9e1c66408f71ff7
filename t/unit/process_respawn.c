/* respawn.c: how long a place waits for its next worker. */

#include "unit.h"

#include "process/respawn.h"

START_TEST(grows_with_young_deaths)
{
	static const msec want[] = { 0, 0, 0, 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000 };
	struct respawn r = { 0 };

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		ck_assert_int_eq(respawn_delay(&r, i % 2 == 0 ? 0 : RESPAWN_YOUNG_MS - 1), want[i]);
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(respawn_delay(&r, 0), 10000);
}
END_TEST

START_TEST(forgets_when_one_lived)
{
	struct respawn r = { 0 };

	for (int i = 0; i < 20; i++)
		respawn_delay(&r, 0);
	ck_assert_int_eq(respawn_delay(&r, RESPAWN_YOUNG_MS), 0);
	for (int i = 0; i < RESPAWN_FREE; i++)
		ck_assert_int_eq(respawn_delay(&r, 0), 0);
	ck_assert_int_eq(respawn_delay(&r, 0), RESPAWN_FIRST_MS);
}
END_TEST

START_TEST(failures_are_no_deaths)
{
	static const msec want[] = { 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000 };
	struct respawn r = { 0 };

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		ck_assert_int_eq(respawn_retry(&r), want[i]);
	ck_assert_int_eq(respawn_delay(&r, 0), 0);
	r.failures = 0;
	ck_assert_int_eq(respawn_retry(&r), RESPAWN_FIRST_MS);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("respawn");
	TCase *tc = tcase_create("respawn");

	tcase_add_test(tc, grows_with_young_deaths);
	tcase_add_test(tc, forgets_when_one_lived);
	tcase_add_test(tc, failures_are_no_deaths);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
