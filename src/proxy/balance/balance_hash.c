/*
 * balance_hash.c - the same key always to the same server, on a ring (see balance_ring.h).
 *
 * With a bound (hash) no server gets more than 125 % of its share of the requests in flight: a key
 * that everybody asks for spreads over the servers that follow on the ring.
 */
#include <math.h>

#include "proxy/balance/balance.h"

enum {
	BOUND_PCT = 125,
	PATIENCE = 256,			/* points before we ask whether there is a place at all */
	STEPS_FOR_EACH = 4,		/* points to look at, for each server and besides those */
};

/* Whether it has less than `bound` requests for each unit of its weight. */
static bool
is_within(const struct candidate *c, double bound)
{
	return atomic_load_explicit(&c->shared->in_flight, memory_order_relaxed) <
	    bound * c->weight;
}

static bool
has_place(const struct tier *tier, const struct turn *turn, double bound)
{
	for (uint32_t i = 0; i < tier->n; i++)
		if (is_within(&tier->v[i], bound) && balance_may_take(&tier->v[i], turn))
			return true;
	return false;
}

/* From the point of the hash on. */
static struct candidate *
walk(const struct tier *tier, const struct turn *turn, double bound)
{
	uint32_t at = balance_ring_find(tier->ring, turn->hash);
	uint32_t before = BALANCE_NONE;
	uint32_t steps = PATIENCE + STEPS_FOR_EACH * tier->ring->nservers;

	for (uint32_t i = 0; i < steps; i++) {
		uint32_t member = balance_ring_server(tier->ring, at + i);
		struct candidate *c;

		if (i == PATIENCE && !has_place(tier, turn, bound))
			return NULL;
		if (member == before || tier->of_member[member] == BALANCE_NONE)
			continue;
		before = member;
		c = &tier->v[tier->of_member[member]];
		if (is_within(c, bound) && balance_take(c, turn))
			return c;
	}
	return NULL;
}

struct candidate *
balance_ip_hash(const struct tier *tier, const struct turn *turn)
{
	struct candidate *c = walk(tier, turn, INFINITY);

	return c != NULL ? c : balance_take_any(tier, turn, (uint32_t)(turn->hash % tier->n));
}

struct candidate *
balance_hash(const struct tier *tier, const struct turn *turn)
{
	uint32_t in_flight = atomic_load_explicit(&turn->group->in_flight, memory_order_relaxed);
	double bound = (in_flight + 1.0) * BOUND_PCT / 100 / (double)tier->weight;
	struct candidate *c = walk(tier, turn, bound);

	return c != NULL ? c : balance_ip_hash(tier, turn);
}
