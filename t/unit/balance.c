/* balance*.c: whom each algorithm chooses, by weight, load, key and time. */

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "proxy/balance/balance.h"

enum { WORKERS = 3 };

static struct shm_server *slots;
static struct shm_group group;
static _Atomic uint64_t cursor;
static struct tier tier;
static struct balance_ring ring;
static uint64_t ids[SHM_MEMBERS];
static uint16_t weights[SHM_MEMBERS];
static unsigned taken[SHM_MEMBERS];

static void
setup(void)
{
	clock_update();
	slots = aligned_alloc(64, SHM_MEMBERS * sizeof(*slots));
	ck_assert_ptr_nonnull(slots);
	memset(slots, 0, SHM_MEMBERS * sizeof(*slots));
	memset(&group, 0, sizeof(group));
	memset(taken, 0, sizeof(taken));
	atomic_store(&cursor, 0);
	tier = (struct tier){ .n = 0 };
}

static void
teardown(void)
{
	balance_sequence_fini(&tier.sequence);
	balance_ring_fini(&ring);
	mem_free(tier.v);
	mem_free(tier.of_member);
	free(slots);
}

/* `n` servers of these weights; without weights all have 1. */
static void
make(uint32_t n, const uint16_t *given)
{
	uint32_t units[SHM_MEMBERS];

	tier.n = n;
	tier.weight = 0;
	tier.v = mem_realloc(tier.v, n, sizeof(*tier.v));
	tier.of_member = mem_realloc(tier.of_member, n, sizeof(*tier.of_member));
	for (uint32_t i = 0; i < n; i++) {
		char name[32];

		ids[i] = str_hash(str_make(name, (size_t)snprintf(name, sizeof(name),
		    "app|http|10.0.%u.%u|80", i / 256, i % 256)), 0);
		weights[i] = given != NULL ? given[i] : 1;
		units[i] = weights[i] * BALANCE_WEIGHT_UNIT;
		tier.of_member[i] = (uint16_t)i;
		tier.v[i] = (struct candidate){ .shared = &slots[i], .id = ids[i],
			.weight = units[i], .share = 1.0 / units[i] };
		tier.weight += units[i];
	}
	balance_sequence_make(&tier.sequence, units, n);
	balance_ring_make(&ring, ids, weights, n);
	tier.ring = &ring;
}

static const struct turn *
turn(uint64_t hash, const uint64_t *tried, unsigned ntried)
{
	static struct turn t;

	t = (struct turn){ .cursor = &cursor, .group = &group, .hash = hash, .tried = tried,
		.ntried = ntried, .worker = (int)rng_below(WORKERS) };
	return &t;
}

/* The index of who is chosen, with a place taken in it; -1: nobody. */
static int
take(enum conf_balance how, uint64_t hash)
{
	struct candidate *c = balances[how].choose(&tier, turn(hash, NULL, 0));

	if (c == NULL)
		return -1;
	taken[c - tier.v]++;
	shm_group_take(&group, 0, 0);
	return (int)(c - tier.v);
}

static void
give(int i)
{
	for (int w = 0; w < WORKERS; w++) {
		if (atomic_load(&slots[i].held[w]) == 0)
			continue;
		shm_server_give(&slots[i], w);
		shm_group_give(&group, 0);
		return;
	}
	ck_abort_msg("nothing to give back");
}

static uint32_t
in_flight(int i)
{
	return atomic_load(&slots[i].in_flight);
}

/* ---- what holds for all */

static const enum conf_balance all[] = {
	BALANCE_ROUND_ROBIN, BALANCE_LEAST_CONN, BALANCE_IP_HASH, BALANCE_HASH, BALANCE_RANDOM,
	BALANCE_LEAST_TIME,
};

START_TEST(places_are_bounded)
{
	make(20, NULL);
	for (int i = 0; i < 20; i++)
		tier.v[i].max_conns = 3;
	for (int i = 0; i < 60; i++)
		ck_assert_int_ge(take(all[_i], (uint64_t)i), 0);
	ck_assert_int_eq(take(all[_i], 7), -1);
	for (int i = 0; i < 20; i++)
		ck_assert_uint_eq(in_flight(i), 3);
	give(11);
	ck_assert_int_eq(take(all[_i], 7), 11);
}
END_TEST

START_TEST(only_one_has_a_place)
{
	make(SHM_MEMBERS, NULL);
	for (int i = 0; i < SHM_MEMBERS; i++) {
		tier.v[i].max_conns = 1;
		if (i != 700)
			ck_assert(shm_server_take(&slots[i], 0, 1));
	}
	ck_assert_int_eq(take(all[_i], 4711), 700);
	ck_assert_int_eq(take(all[_i], 4711), -1);
}
END_TEST

START_TEST(tried_ones_are_left_out)
{
	uint64_t tried[3];

	make(4, NULL);
	memcpy(tried, ids, sizeof(tried));
	for (int i = 0; i < 20; i++) {
		const struct turn *t = turn((uint64_t)i, tried, 3);

		ck_assert_ptr_eq(balances[all[_i]].choose(&tier, t), &tier.v[3]);
	}
	make(3, NULL);
	ck_assert_ptr_null(balances[all[_i]].choose(&tier, turn(1, tried, 3)));
}
END_TEST

/* Its slot has been given to another server: nothing may be left taken there. */
START_TEST(stale_slots_are_left_alone)
{
	make(2, NULL);
	atomic_store(&slots[0].serial, 5);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(take(all[_i], (uint64_t)i), 1);
	ck_assert_uint_eq(in_flight(0), 0);
}
END_TEST

/* ---- round_robin */

START_TEST(round_robin_by_weight)
{
	static const uint16_t given[] = { 5, 1, 3, 1 };

	make(4, given);
	for (int i = 0; i < 1000; i++)
		take(BALANCE_ROUND_ROBIN, 0);
	for (int i = 0; i < 4; i++)
		ck_assert_uint_eq(taken[i], given[i] * 100U);
}
END_TEST

START_TEST(round_robin_past_full_ones)
{
	make(3, NULL);
	tier.v[1].max_conns = 1;
	ck_assert(shm_server_take(&slots[1], 0, 1));
	for (int i = 0; i < 300; i++)
		take(BALANCE_ROUND_ROBIN, 0);
	ck_assert_uint_eq(taken[1], 0);
	ck_assert_uint_eq(taken[0] + taken[2], 300);
}
END_TEST

/* ---- least_conn */

START_TEST(least_conn_by_weight)
{
	static const uint16_t given[] = { 5, 1, 3, 1 };

	make(4, given);
	for (int i = 0; i < 1000; i++)
		take(BALANCE_LEAST_CONN, 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_le(abs((int)taken[i] - given[i] * 100), given[i]);
}
END_TEST

/* Requests one at a time: all have nothing to do, and weights count all the same. */
START_TEST(least_conn_of_idle_ones)
{
	static const uint16_t given[] = { 5, 1, 3, 1 };

	make(4, given);
	for (int i = 0; i < 1000; i++)
		give(take(BALANCE_LEAST_CONN, 0));
	for (int i = 0; i < 4; i++)
		ck_assert_uint_eq(taken[i], given[i] * 100U);
}
END_TEST

START_TEST(least_conn_evens_out)
{
	make(10, NULL);
	for (int i = 0; i < 50; i++)
		ck_assert(shm_server_take(&slots[3], 0, 0));
	for (int i = 0; i < 450; i++)
		take(BALANCE_LEAST_CONN, 0);
	for (int i = 0; i < 10; i++)
		ck_assert_uint_eq(in_flight(i), 50);
}
END_TEST

/* A long list is looked at in parts, and comes out even too. */
START_TEST(least_conn_of_many)
{
	make(SHM_MEMBERS, NULL);
	for (int i = 0; i < 20 * SHM_MEMBERS; i++)
		take(BALANCE_LEAST_CONN, 0);
	for (int i = 0; i < SHM_MEMBERS; i++)
		ck_assert(in_flight(i) >= 19 && in_flight(i) <= 21);
}
END_TEST

/* ---- random */

START_TEST(random_by_weight)
{
	static const uint16_t given[] = { 5, 1, 3, 1 };

	make(4, given);
	for (int i = 0; i < 10000; i++)
		give(take(BALANCE_RANDOM, 0));
	for (int i = 0; i < 4; i++)
		ck_assert_int_le(abs((int)taken[i] - given[i] * 1000), given[i] * 100 + 150);
}
END_TEST

/* With one choice the fullest of 100 would be some 30 above the average of 100; with two, 3. */
START_TEST(random_has_two_choices)
{
	make(100, NULL);
	for (int i = 0; i < 10000; i++)
		take(BALANCE_RANDOM, 0);
	for (int i = 0; i < 100; i++)
		ck_assert(in_flight(i) <= 106);
}
END_TEST

/* ---- hash */

static int
owner(uint64_t key)
{
	int i = take(BALANCE_IP_HASH, key);

	give(i);
	return i;
}

START_TEST(hash_is_even)
{
	enum { KEYS = 50000, N = 10 };

	make(N, NULL);
	for (uint64_t key = 0; key < KEYS; key++)
		ck_assert_int_eq(owner(key), owner(key));
	for (int i = 0; i < N; i++)
		ck_assert_msg(abs((int)taken[i] - 2 * KEYS / N) < 2 * KEYS / N / 4, "%d: %u", i,
		    taken[i]);
}
END_TEST

START_TEST(hash_by_weight)
{
	static const uint16_t given[] = { 4, 1, 2, 1 };
	enum { KEYS = 40000 };

	make(4, given);
	for (uint64_t key = 0; key < KEYS; key++)
		owner(key);
	for (int i = 0; i < 4; i++)
		ck_assert_msg(abs((int)taken[i] - given[i] * KEYS / 8) < given[i] * KEYS / 8 / 3,
		    "%d: %u", i, taken[i]);
}
END_TEST

/* One of N goes down: its keys move, nobody else's. */
START_TEST(hash_one_down)
{
	enum { KEYS = 20000, N = 8, DOWN = 2 };
	int before[KEYS];
	unsigned moved = 0;

	make(N, NULL);
	for (uint64_t key = 0; key < KEYS; key++)
		before[key] = owner(key);
	tier.of_member[DOWN] = BALANCE_NONE;
	for (uint64_t key = 0; key < KEYS; key++) {
		int now = owner(key);

		ck_assert_int_ne(now, DOWN);
		if (before[key] != DOWN)
			ck_assert_int_eq(now, before[key]);
		else
			moved++;
	}
	ck_assert(moved > KEYS / N * 3 / 4 && moved < KEYS / N * 5 / 4);
}
END_TEST

/* One is added to the list, which makes the ring anew: it takes about its share, no more moves. */
START_TEST(hash_one_more)
{
	enum { KEYS = 20000, N = 9 };
	static const uint16_t given[N] = { 1, 2, 3, 1, 2, 3, 1, 2, 2 };
	int before[KEYS];
	unsigned moved = 0;

	make(N - 1, given);
	for (uint64_t key = 0; key < KEYS; key++)
		before[key] = owner(key);
	make(N, given);
	for (uint64_t key = 0; key < KEYS; key++) {
		int now = owner(key);

		ck_assert(now == before[key] || now == N - 1);
		moved += now != before[key];
	}
	ck_assert(moved > KEYS * 2 / 17 * 2 / 3 && moved < KEYS * 2 / 17 * 4 / 3);
}
END_TEST

START_TEST(ring_is_bounded)
{
	static uint16_t given[SHM_MEMBERS];

	for (int i = 0; i < SHM_MEMBERS; i++)
		given[i] = i % 2 == 0 ? 256 : 1;
	make(SHM_MEMBERS, given);
	ck_assert_uint_le(ring.npoints, RING_POINTS_MAX);
	ck_assert_uint_gt(ring.npoints, RING_POINTS_MAX / 4);
	make(1, given);
	ck_assert_uint_gt(ring.npoints, RING_POINTS / 2);
	ck_assert_int_eq(owner(UINT64_MAX), 0);
}
END_TEST

/* Everybody asks for one key: no server gets more than 125 % of the average, at any moment. */
START_TEST(hash_bounds_load)
{
	enum { N = 8 };

	make(N, NULL);
	for (unsigned i = 1; i <= 1000; i++) {
		int chosen = take(BALANCE_HASH, 42);

		ck_assert_uint_le(in_flight(chosen) * N * 100, i * 125 + N * 100);
	}
	for (int i = 0; i < N; i++)
		ck_assert_uint_le(taken[i], 158);
	make(N, NULL);
}
END_TEST

/* With few requests at a time a key stays where it belongs. */
START_TEST(hash_keeps_keys)
{
	make(8, NULL);
	for (uint64_t key = 0; key < 100; key++) {
		int i = take(BALANCE_HASH, key);

		give(i);
		ck_assert_int_eq(i, owner(key));
	}
}
END_TEST

START_TEST(ip_hash_has_no_bound)
{
	make(8, NULL);
	for (int i = 0; i < 100; i++)
		take(BALANCE_IP_HASH, 42);
	ck_assert_uint_eq(in_flight(owner(42)), 100);
}
END_TEST

/* ---- least_time */

static void
latency(int i, uint32_t us, msec age)
{
	atomic_store(&slots[i].latency_us, us);
	atomic_store(&slots[i].latency_at_ms, clock_ms() - age);
}

START_TEST(least_time_is_time_by_requests)
{
	make(2, NULL);
	latency(0, 10000, 0);
	latency(1, 30000, 0);
	for (int i = 0; i < 400; i++)
		take(BALANCE_LEAST_TIME, 0);
	ck_assert(taken[0] >= 298 && taken[0] <= 302);
}
END_TEST

/* An unknown one is tried, by one request at a time until it has answered. */
START_TEST(least_time_of_unknown)
{
	make(3, NULL);
	latency(0, 10000, 0);
	latency(2, 20000, 0);
	ck_assert_int_eq(take(BALANCE_LEAST_TIME, 0), 1);
	for (int i = 0; i < 20; i++)
		ck_assert_int_ne(take(BALANCE_LEAST_TIME, 0), 1);
	give(1);
	ck_assert_int_eq(take(BALANCE_LEAST_TIME, 0), 1);
	make(4, NULL);
	for (int i = 0; i < 4; i++)
		latency(i, 0, 0);
	for (int i = 0; i < 40; i++)
		take(BALANCE_LEAST_TIME, 0);
	for (int i = 0; i < 4; i++)
		ck_assert_uint_ge(in_flight(i), 9);
}
END_TEST

START_TEST(least_time_forgets)
{
	make(2, NULL);
	latency(0, 10000, 0);
	latency(1, 1000000, 1000);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(take(BALANCE_LEAST_TIME, 0), 0);
		give(0);
	}
	latency(1, 1000000, 60000);
	ck_assert_int_eq(take(BALANCE_LEAST_TIME, 0), 1);
	give(1);
	latency(1, UINT32_MAX, INT64_C(1) << 40);
	ck_assert_int_eq(take(BALANCE_LEAST_TIME, 0), 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("balance");
	TCase *tc = tcase_create("balance");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, places_are_bounded, 0, ARRAY_LEN(all));
	tcase_add_loop_test(tc, only_one_has_a_place, 0, ARRAY_LEN(all));
	tcase_add_loop_test(tc, tried_ones_are_left_out, 0, ARRAY_LEN(all));
	tcase_add_loop_test(tc, stale_slots_are_left_alone, 0, ARRAY_LEN(all));
	tcase_add_test(tc, round_robin_by_weight);
	tcase_add_test(tc, round_robin_past_full_ones);
	tcase_add_test(tc, least_conn_by_weight);
	tcase_add_test(tc, least_conn_of_idle_ones);
	tcase_add_test(tc, least_conn_evens_out);
	tcase_add_test(tc, least_conn_of_many);
	tcase_add_test(tc, random_by_weight);
	tcase_add_test(tc, random_has_two_choices);
	tcase_add_test(tc, hash_is_even);
	tcase_add_test(tc, hash_by_weight);
	tcase_add_test(tc, hash_one_down);
	tcase_add_test(tc, hash_one_more);
	tcase_add_test(tc, ring_is_bounded);
	tcase_add_test(tc, hash_bounds_load);
	tcase_add_test(tc, hash_keeps_keys);
	tcase_add_test(tc, ip_hash_has_no_bound);
	tcase_add_test(tc, least_time_is_time_by_requests);
	tcase_add_test(tc, least_time_of_unknown);
	tcase_add_test(tc, least_time_forgets);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
