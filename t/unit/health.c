/* health.c: rise and fall, and the pace of looks. */

#include "unit.h"

#include "proxy/servers/health.h"

/* Plays looks ('g' good, 'b' bad) and compares the states after each: '?', 'U' or 'D'. */
static void
play(struct health *h, unsigned rise, unsigned fall, const char *looks, const char *states)
{
	static const char letters[] = { [HEALTH_UNCHECKED] = '?', [HEALTH_UP] = 'U',
		[HEALTH_DOWN] = 'D' };

	ck_assert_uint_eq(strlen(looks), strlen(states));
	for (size_t i = 0; looks[i] != '\0'; i++) {
		enum shm_health before = h->state;
		bool changed = health_count(h, looks[i] == 'g', rise, fall);

		ck_assert_msg(letters[h->state] == states[i], "look %zu of %s: %c, not %c", i,
		    looks, letters[h->state], states[i]);
		ck_assert(changed == (before != h->state));
	}
}

START_TEST(rise_and_fall)
{
	static const struct {
		unsigned rise, fall;
		const char *looks, *states;
	} cases[] = {
		{ 2, 3, "g", "U" },			/* the first look decides alone */
		{ 2, 3, "b", "D" },
		{ 2, 3, "gbbb", "UUUD" },
		{ 2, 3, "gbbgbbgbbb", "UUUUUUUUUD" },	/* only those in a row count */
		{ 2, 3, "bgg", "DDU" },
		{ 2, 3, "bgbgbgg", "DDDDDDU" },
		{ 1, 1, "gbgb", "UDUD" },
		{ 3, 1, "gbgggb", "UDDDUD" },
		{ 5, 2, "bggggg", "DDDDDU" },
		{ 2, 3, "bbbbgg", "DDDDDU" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct health h = { .state = HEALTH_UNCHECKED };

		play(&h, cases[i].rise, cases[i].fall, cases[i].looks, cases[i].states);
	}
}
END_TEST

START_TEST(counts_in_row)
{
	struct health h = { .state = HEALTH_UP };

	play(&h, 2, 3, "bb", "UU");
	ck_assert_uint_eq(h.in_row, 2);
	play(&h, 2, 3, "g", "U");
	ck_assert_uint_eq(h.in_row, 1);
	h.in_row = UINT32_MAX;
	play(&h, 2, 3, "g", "U");
	ck_assert_uint_eq(h.in_row, UINT32_MAX);
}
END_TEST

/* What was known before a check began is not thrown over by one look. */
START_TEST(starts_from_a_known_state)
{
	struct health h = { .state = HEALTH_DOWN };

	play(&h, 2, 3, "gg", "DU");
	h = (struct health){ .state = HEALTH_UP };
	play(&h, 2, 3, "bbb", "UUD");
}
END_TEST

START_TEST(pace)
{
	static const struct {
		msec interval, fast;
	} cases[] = {
		{ 5000, 2000 }, { 60000, 2000 }, { 4000, 2000 }, { 3000, 1500 }, { 1000, 500 },
		{ 400, 200 }, { 300, 200 }, { 200, 200 }, { 100, 100 }, { 10, 10 }, { 1, 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct health steady = { HEALTH_UP, 9, true };
		const struct health wavers = { HEALTH_UP, 1, false };
		const struct health down = { HEALTH_DOWN, 3, false };
		const struct health rises = { HEALTH_DOWN, 1, true };

		ck_assert_int_eq(health_wait(&steady, cases[i].interval), cases[i].interval);
		ck_assert_int_eq(health_wait(&wavers, cases[i].interval), cases[i].fast);
		ck_assert_int_eq(health_wait(&down, cases[i].interval), cases[i].fast);
		ck_assert_int_eq(health_wait(&rises, cases[i].interval), cases[i].fast);
	}
}
END_TEST

START_TEST(jitter_stays_within_a_fifth)
{
	bool low = false, high = false;

	for (uint64_t i = 0; i < 1000; i++) {
		msec ms = health_jitter(1000, i * 0x9e3779b97f4a7c15u);

		ck_assert_int_ge(ms, 800);
		ck_assert_int_le(ms, 1200);
		low = low || ms < 900;
		high = high || ms > 1100;
	}
	ck_assert(low && high);
	for (uint64_t i = 0; i < 10; i++)
		ck_assert_int_eq(health_jitter(1, i), 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("health");
	TCase *t = tcase_create("health");

	tcase_add_test(t, rise_and_fall);
	tcase_add_test(t, counts_in_row);
	tcase_add_test(t, starts_from_a_known_state);
	tcase_add_test(t, pace);
	tcase_add_test(t, jitter_stays_within_a_fifth);
	suite_add_tcase(s, t);
	return unit_run(s);
}
