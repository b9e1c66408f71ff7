/* date.c: dates of fields. */

#include "unit.h"

#include "base/check.h"
#include "base/clock.h"
#include "http/date.h"

static const struct {
	const char *text;
	int64_t seconds;
} dates[] = {
	{ "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
	{ "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
	{ "Sun Nov  6 08:49:37 1994", 784111777 },
	{ "Sun Nov 16 08:49:37 1994", 784975777 },
	{ "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
	{ "Wed, 31 Dec 1969 23:59:59 GMT", -1 },
	{ "Thu, 29 Feb 2024 12:00:00 GMT", 1709208000 },
	{ "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799 },
	{ "Tue, 19 Jan 2038 03:14:08 GMT", 2147483648 },
	{ "Thu, 31 Dec 1998 23:59:60 GMT", 915148799 },
	{ "Fri, 31 Dec 9999 23:59:60 GMT", 253402300799 },
	{ "Sat, 06 Nov 1994 08:49:37 GMT", 784111777 },	/* the day is not looked at */
};

START_TEST(reads)
{
	int64_t seconds = 7;

	ck_assert(http_date_parse(str_of(dates[_i].text), &seconds));
	ck_assert_int_eq(seconds, dates[_i].seconds);
}
END_TEST

static const char *const no_dates[] = {
	"", "x", "Sun", "Sun, ", "0", "784111777", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 08:49:37",
	"Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 GMT ",
	" Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT",
	"Sun, 06 Nov 94 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
	"Xyz, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Xyz 1994 08:49:37 GMT",
	"Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT",
	"Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
	"Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 06 Nov 1994 -8:49:37 GMT",
	"Sun, 06 Nov 0000 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT; length=5",
	"Sun, 06-Nov-94 08:49:37 GMT", "Sunday, 06-Nov-1994 08:49:37 GMT",
	"Sunday, 06 Nov 1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994",
	"Sun Nov  6 08:49:37 1994 GMT", "Sun Nov  6 08:49:37 94", "Sun, 06 Nov 1994 08:49:3",
	"2024-02-29T12:00:00Z",
};

START_TEST(refuses)
{
	int64_t seconds;

	ck_assert(!http_date_parse(str_of(no_dates[_i]), &seconds));
}
END_TEST

START_TEST(two_digits)
{
	int64_t seconds;

	clock_update();
	ck_assert(http_date_parse(STR_OF("Friday, 31-Dec-99 23:59:59 GMT"), &seconds));
	ck_assert_int_eq(seconds, 946684799);
	ck_assert(http_date_parse(STR_OF("Monday, 01-Jan-24 00:00:00 GMT"), &seconds));
	ck_assert_int_eq(seconds, 1704067200);
}
END_TEST

/* Every day of 200 years comes back as it went. */
START_TEST(round_trip)
{
	char text[HTTP_DATE_LEN];

	for (int64_t day = -365 * 50; day < 365 * 150; day++) {
		int64_t want = day * 86400 + (day * 7919 % 86400 + 86400) % 86400, got;

		http_date_write(text, want);
		ck_assert(http_date_parse(str_make(text, sizeof(text)), &got));
		ck_assert_int_eq(got, want);
	}
}
END_TEST

START_TEST(writes)
{
	struct arena arena;
	struct str text;

	arena_init(&arena);
	text = http_date_text(&arena, 784111777);
	ck_assert(str_eq(text, STR_OF("Sun, 06 Nov 1994 08:49:37 GMT")));
	arena_fini(&arena);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("date");
	TCase *tc = tcase_create("date");

	tcase_add_loop_test(tc, reads, 0, ARRAY_LEN(dates));
	tcase_add_loop_test(tc, refuses, 0, ARRAY_LEN(no_dates));
	tcase_add_test(tc, two_digits);
	tcase_add_test(tc, round_trip);
	tcase_add_test(tc, writes);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
