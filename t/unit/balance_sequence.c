/* balance_sequence.c: the order of round_robin. */

#include "unit.h"

#include "base/check.h"
#include "proxy/balance/balance_sequence.h"
#include "shm/servers.h"

static struct balance_sequence sequence;

static void
teardown(void)
{
	balance_sequence_fini(&sequence);
}

static const struct {
	uint32_t n;
	uint32_t weights[6];
	const char *gives;
} small[] = {
	{ 1, { 1 }, "0" },
	{ 1, { 100 }, "0" },
	{ 3, { 1, 1, 1 }, "012" },
	{ 3, { 7, 7, 7 }, "012" },
	{ 2, { 2, 1 }, "010" },
	{ 2, { 1, 3 }, "1101" },
	{ 3, { 5, 1, 1 }, "0100020" },
	{ 3, { 50, 10, 10 }, "0100020" },
	{ 4, { 2, 1, 2, 1 }, "012032" },
	{ 6, { 5, 1, 1, 1, 1, 1 }, "0102030405" },
	{ 0, { 0 }, "" },
};

START_TEST(small_ones)
{
	balance_sequence_make(&sequence, small[_i].weights, small[_i].n);
	ck_assert_uint_eq(sequence.period, strlen(small[_i].gives));
	for (uint32_t i = 0; i < sequence.period; i++)
		ck_assert_int_eq('0' + sequence.v[i], small[_i].gives[i]);
}
END_TEST

/* How often each is taken, and the longest wait for its next turn. */
static void
count(uint32_t n, unsigned *turns, unsigned *wait)
{
	unsigned last[SHM_MEMBERS];

	for (uint32_t i = 0; i < n; i++)
		turns[i] = wait[i] = last[i] = 0;
	for (unsigned turn = 0; turn < 2 * sequence.period; turn++) {
		uint32_t i = balance_sequence_at(&sequence, turn);

		CHECK(i < n);
		if (turn - last[i] > wait[i] && turn >= sequence.period)
			wait[i] = turn - last[i];
		last[i] = turn;
		turns[i] += turn < sequence.period;
	}
}

START_TEST(exact_and_even)
{
	static const uint32_t weights[] = { 100, 37, 1, 250, 12 };
	unsigned turns[ARRAY_LEN(weights)], wait[ARRAY_LEN(weights)];

	balance_sequence_make(&sequence, weights, ARRAY_LEN(weights));
	ck_assert_uint_eq(sequence.period, 400);
	count(ARRAY_LEN(weights), turns, wait);
	for (size_t i = 0; i < ARRAY_LEN(weights); i++) {
		ck_assert_uint_eq(turns[i], weights[i]);
		ck_assert_uint_le(wait[i], 2 * sequence.period / weights[i] + 1);
	}
}
END_TEST

/* Sums that are too great keep the proportion, and nobody's share becomes nothing. */
START_TEST(scaled_down)
{
	static const uint32_t weights[] = { 65535, 1, 32768 };
	unsigned turns[ARRAY_LEN(weights)], wait[ARRAY_LEN(weights)];

	balance_sequence_make(&sequence, weights, ARRAY_LEN(weights));
	ck_assert_uint_le(sequence.period, BALANCE_PERIOD_MAX);
	count(ARRAY_LEN(weights), turns, wait);
	ck_assert_uint_eq(turns[1], 1);
	ck_assert(turns[0] * 100 / turns[2] >= 198 && turns[0] * 100 / turns[2] <= 202);
}
END_TEST

START_TEST(as_many_as_there_can_be)
{
	static uint32_t weights[SHM_MEMBERS];
	static unsigned turns[SHM_MEMBERS], wait[SHM_MEMBERS];

	for (int i = 0; i < SHM_MEMBERS; i++)
		weights[i] = (uint32_t)(i * 64 + 1);
	balance_sequence_make(&sequence, weights, SHM_MEMBERS);
	ck_assert_uint_le(sequence.period, BALANCE_PERIOD_MAX);
	count(SHM_MEMBERS, turns, wait);
	for (int i = 0; i < SHM_MEMBERS; i++)
		ck_assert_uint_gt(turns[i], 0);
	ck_assert_uint_gt(turns[SHM_MEMBERS - 1], turns[SHM_MEMBERS / 4]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("balance_sequence");
	TCase *tc = tcase_create("balance_sequence");

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_loop_test(tc, small_ones, 0, ARRAY_LEN(small));
	tcase_add_test(tc, exact_and_even);
	tcase_add_test(tc, scaled_down);
	tcase_add_test(tc, as_many_as_there_can_be);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
