/* clock.c: cached times and the texts made of them. */

#include "base/clock.h"

#include "base/check.h"
#include "unit.h"

static void
check_str(struct str got, const char *want)
{
	ck_assert_msg(str_eq(got, str_of(want)), "got \"%.*s\", want \"%s\"", STR_ARG(got), want);
}

START_TEST(runs_with_the_kernel)
{
	struct timespec before, wall;

	clock_gettime(CLOCK_MONOTONIC, &before);
	clock_gettime(CLOCK_REALTIME, &wall);
	clock_update();
	ck_assert_int_ge(clock_us(), (int64_t)before.tv_sec * 1000000 + before.tv_nsec / 1000);
	ck_assert_int_eq(clock_ms(), clock_us() / 1000);
	ck_assert_int_ge(clock_wall_ms(), (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000 - 1);
	ck_assert_int_lt(clock_wall_ms(), ((int64_t)wall.tv_sec + 60) * 1000);
}
END_TEST

START_TEST(texts)
{
	static const struct {
		int64_t second;
		const char *zone, *http, *clf, *iso;
	} cases[] = {
		{ 784111777, "UTC0", "Sun, 06 Nov 1994 08:49:37 GMT",
		    "06/Nov/1994:08:49:37 +0000", "1994-11-06T08:49:37+00:00" },
		{ 784111778, "EST5", "Sun, 06 Nov 1994 08:49:38 GMT",
		    "06/Nov/1994:03:49:38 -0500", "1994-11-06T03:49:38-05:00" },
		{ 951782400, "IST-5:30", "Tue, 29 Feb 2000 00:00:00 GMT",
		    "29/Feb/2000:05:30:00 +0530", "2000-02-29T05:30:00+05:30" },
		{ 0, "UTC0", "Thu, 01 Jan 1970 00:00:00 GMT",
		    "01/Jan/1970:00:00:00 +0000", "1970-01-01T00:00:00+00:00" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		setenv("TZ", cases[i].zone, 1);
		tzset();
		clock_cached_wall_ms = cases[i].second * 1000 + 999;
		check_str(clock_http_date(), cases[i].http);
		check_str(clock_clf(), cases[i].clf);
		check_str(clock_iso8601(), cases[i].iso);
	}
}
END_TEST

START_TEST(made_once_a_second)
{
	setenv("TZ", "UTC0", 1);
	tzset();
	clock_cached_wall_ms = 1000000;
	check_str(clock_clf(), "01/Jan/1970:00:16:40 +0000");
	setenv("TZ", "EST5", 1);
	tzset();
	clock_cached_wall_ms = 1000999;
	check_str(clock_clf(), "01/Jan/1970:00:16:40 +0000");
	clock_cached_wall_ms = 1001000;
	check_str(clock_clf(), "31/Dec/1969:19:16:41 -0500");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("clock");
	TCase *tc = tcase_create("clock");

	tcase_add_test(tc, runs_with_the_kernel);
	tcase_add_test(tc, texts);
	tcase_add_test(tc, made_once_a_second);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
