/* odd_names.c: which dropped names the log is told of. */

#include "unit.h"

#include <stdio.h>

#include "base/check.h"
#include "http/odd_names.h"

static struct odd_names names;

static void
setup(void)
{
	names = (struct odd_names){ 0 };
}

static bool
is_news(const char *name, msec now)
{
	return odd_names_is_news(&names, str_of(name), now);
}

/* Names that nobody has seen before: how many of `n` are told. */
static unsigned
flood(unsigned n, msec now)
{
	static unsigned serial;
	unsigned told = 0;
	char name[16];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "x_%u", serial++);
		told += is_news(name, now);
	}
	return told;
}

START_TEST(once)
{
	for (msec now = 5; now < 5000000; now += 1000000) {
		ck_assert(is_news("a_b", now) == (now == 5));
		ck_assert(!is_news("A_B", now));
		ck_assert(is_news("a.b", now) == (now == 5));
	}
}
END_TEST

/* However many names a client makes up, each minute has room for others. */
START_TEST(never_silent_for_long)
{
	msec now = 1000;

	for (int i = 0; i < 100; i++, now += 60000) {
		char name[16];

		snprintf(name, sizeof(name), "mine_%d", i);
		ck_assert(is_news(name, now));
		ck_assert(!is_news(name, now));
		ck_assert_uint_eq(flood(1000, now), ODD_NAMES_A_MINUTE - 1);
		ck_assert_uint_eq(flood(1000, now + 59999), 0);
		ck_assert(!is_news(name, now + 59999));
	}
}
END_TEST

/* A name that had to wait is told later. */
START_TEST(later)
{
	flood(ODD_NAMES_A_MINUTE, 0);
	ck_assert(!is_news("mine_x", 59999));
	ck_assert(is_news("mine_x", 60000));
	ck_assert(!is_news("mine_x", 60000));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("odd_names");
	TCase *tc = tcase_create("odd_names");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, once);
	tcase_add_test(tc, never_silent_for_long);
	tcase_add_test(tc, later);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
