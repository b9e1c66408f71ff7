/*
 * balance_least.c - the server with the least to do: fewest requests, or shortest expected time.
 *
 * The scan begins at the server whose turn it would be in round_robin, and the first of equals
 * wins: so idle servers are used by weight.  Those that were passed over have had their turn, lest
 * what follows a busy server gets twice as much.  Of long lists only a part is looked at, another
 * one each time; the best of so many is as good as the best of all.
 */
#include "proxy/balance/balance.h"

#include <math.h>

enum {
	SCAN_MAX = 128,
	TRIES = 8,			/* others may take the last place of the best first */
	LATENCY_HALF_LIFE_MS = 5000,
};

static inline double
requests(const struct candidate *c)
{
	return atomic_load_explicit(&c->shared->in_flight, memory_order_relaxed) * c->share;
}

/*
 * What is known about a latency counts half after each half-life, so that a server that was slow is
 * tried again.  One that nothing is known of is tried, but by one request at a time.
 */
static inline double
expected_time(const struct candidate *c)
{
	struct shm_server *s = c->shared;
	uint32_t latency = atomic_load_explicit(&s->latency_us, memory_order_relaxed);
	uint32_t in_flight = atomic_load_explicit(&s->in_flight, memory_order_relaxed);
	msec age;

	if (latency == 0)
		return in_flight == 0 ? 0 : 1e18 * in_flight * c->share;
	age = clock_ms() - atomic_load_explicit(&s->latency_at_ms, memory_order_relaxed);
	if (age > LATENCY_HALF_LIFE_MS)
		latency >>= age < 31 * LATENCY_HALF_LIFE_MS ? age / LATENCY_HALF_LIFE_MS : 31;
	return ((double)latency + 1) * (in_flight + 1) * c->share;
}

/* Always inlined, so that the measure costs no call. */
static inline __attribute__((always_inline)) struct candidate *
least(const struct tier *tier, const struct turn *turn,
    double (*measure)(const struct candidate *c))
{
	uint64_t at = atomic_fetch_add_explicit(turn->cursor, 1, memory_order_relaxed);
	uint32_t from = balance_sequence_at(&tier->sequence, at);
	uint32_t n = tier->n < SCAN_MAX ? tier->n : SCAN_MAX;

	for (int try = 0; try < TRIES; try++) {
		struct candidate *best = NULL;
		double least = HUGE_VAL;
		uint32_t passed = 0;

		/* No better one follows when one has nothing to do at all. */
		for (uint32_t i = 0, k = from; i < n && least > 0; i++) {
			struct candidate *c = &tier->v[k];
			double measured = measure(c);

			if (measured < least && balance_may_take(c, turn)) {
				least = measured;
				best = c;
				passed = i;
			}
			k = k + 1 < tier->n ? k + 1 : 0;
		}
		if (best == NULL)
			break;
		if (passed > 0)
			atomic_fetch_add_explicit(turn->cursor, passed, memory_order_relaxed);
		if (balance_take(best, turn))
			return best;
	}
	return balance_take_any(tier, turn, from);
}

struct candidate *
balance_least_conn(const struct tier *tier, const struct turn *turn)
{
	return least(tier, turn, requests);
}

struct candidate *
balance_least_time(const struct tier *tier, const struct turn *turn)
{
	return least(tier, turn, expected_time);
}
