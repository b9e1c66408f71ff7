/* retry_budget.c: the budget of retries, and pauses between them. */

#include "unit.h"

#include "base/rng.h"
#include "proxy/fetch/retry_budget.h"

/* How many retries are granted before the first refusal. */
static unsigned
granted(struct retry_budget *b, msec now_ms, int64_t pct)
{
	unsigned n = 0;

	while (n < 100000 && retry_budget_take(b, now_ms, pct))
		n++;
	return n;
}

static void
requests(struct retry_budget *b, msec now_ms, unsigned n)
{
	while (n-- > 0)
		retry_budget_request(b, now_ms);
}

START_TEST(test_floor)
{
	struct retry_budget b = { 0 };

	ck_assert_uint_eq(granted(&b, 5000, 20), RETRY_FLOOR);
	ck_assert_uint_eq(granted(&b, 5999, 20), 0);
	ck_assert_uint_eq(granted(&b, 6000, 20), RETRY_FLOOR);
	requests(&b, 6000, 10);
	ck_assert_uint_eq(granted(&b, 6000, 0), 0);
	ck_assert_uint_eq(granted(&b, 7000, 0), RETRY_FLOOR);
}
END_TEST

START_TEST(test_share)
{
	struct retry_budget b = { 0 };

	requests(&b, 1000, 1000);
	ck_assert_uint_eq(granted(&b, 1000, 20), 200);
	requests(&b, 3000, 1000);
	ck_assert_uint_eq(granted(&b, 3000, 20), 200);
	requests(&b, 3000, 10);
	ck_assert_uint_eq(granted(&b, 3000, 20), 2);
	ck_assert_uint_eq(granted(&b, 3000, 100), 2010 - 402);
}
END_TEST

START_TEST(test_span)
{
	struct retry_budget b = { 0 };

	requests(&b, 1000, 1000);
	ck_assert_uint_eq(granted(&b, 10999, 20), 200);
	ck_assert_uint_eq(b.all_requests, 1000);
	/* The requests are forgotten, the retries are not. */
	ck_assert_uint_eq(granted(&b, 11000, 20), RETRY_FLOOR);
	ck_assert_uint_eq(b.all_requests, 0);
	ck_assert_uint_eq(b.all_retries, 203);
	retry_budget_request(&b, 1000000);
	ck_assert_uint_eq(b.all_requests, 1);
	ck_assert_uint_eq(b.all_retries, 0);
}
END_TEST

START_TEST(test_given_back)
{
	struct retry_budget b = { 0 };

	retry_budget_give_back(&b, 1000);
	ck_assert_uint_eq(b.all_retries, 0);
	for (int i = 0; i < 100; i++) {
		ck_assert(retry_budget_take(&b, 1000, 20));
		retry_budget_give_back(&b, 1000);
	}
	ck_assert(retry_budget_take(&b, 1000, 20));
	ck_assert_uint_eq(b.all_retries, 1);
	retry_budget_give_back(&b, 5000);
	ck_assert_uint_eq(b.all_retries, 0);
	ck_assert_uint_eq(granted(&b, 5000, 20), RETRY_FLOOR);
	/* What is too long ago is not given back. */
	retry_budget_give_back(&b, 30000);
	ck_assert_uint_eq(granted(&b, 30000, 20), RETRY_FLOOR);
}
END_TEST

START_TEST(test_warnings)
{
	struct retry_budget b = { 0 };

	ck_assert_uint_eq(retry_budget_refused(&b, 1000), 1);
	for (int i = 0; i < 5; i++)
		ck_assert_uint_eq(retry_budget_refused(&b, 1000 + i), 0);
	ck_assert_uint_eq(retry_budget_refused(&b, 11000), 6);
	ck_assert_uint_eq(retry_budget_refused(&b, 11001), 0);
}
END_TEST

START_TEST(test_pauses)
{
	static const msec most[] = { 50, 50, 100, 200, 250, 250, 250 };
	msec longest[7] = { 0 };

	rng_init();
	for (int i = 0; i < 10000; i++) {
		for (unsigned n = 1; n < 7; n++) {
			msec pause = retry_pause_ms(n);

			ck_assert_int_ge(pause, 1);
			ck_assert_int_le(pause, most[n]);
			if (pause > longest[n])
				longest[n] = pause;
		}
	}
	for (unsigned n = 1; n < 7; n++)
		ck_assert_int_gt(longest[n], most[n] * 9 / 10);
	ck_assert_int_le(retry_pause_ms(4000000000u), 250);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("retry");
	TCase *t = tcase_create("all");

	tcase_add_test(t, test_floor);
	tcase_add_test(t, test_share);
	tcase_add_test(t, test_span);
	tcase_add_test(t, test_given_back);
	tcase_add_test(t, test_warnings);
	tcase_add_test(t, test_pauses);
	suite_add_tcase(s, t);
	return unit_run(s);
}
