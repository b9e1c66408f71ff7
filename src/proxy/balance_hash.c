/*
 * balance_hash.c - the same key always to the same server, on a ring (see balance_ring.h).
 *
 * With a bound (hash) no server gets more than 125 % of its share of the requests in flight: a key
 * that everybody asks for spreads over the servers that follow on the ring.
 */
#include "proxy/balance.h"

enum {
	BOUND_PCT = 125,
	PATIENCE = 256,			/* steps before we ask whether there is a place at all */
};

/* How many requests this server may have before the next is chosen. */
static uint64_t
bound_of(const struct candidate *c, const struct tier *tier, uint64_t in_flight)
{
	uint64_t share = (in_flight + 1) * c->weight * BOUND_PCT, whole = tier->weight * 100;

	return (share + whole - 1) / whole;
}

static bool
is_within_bound(const struct candidate *c, const struct tier *tier, uint64_t in_flight)
{
	return tier->n == 1 ||
	    atomic_load_explicit(&c->shared->in_flight, memory_order_relaxed) <
	    bound_of(c, tier, in_flight);
}

static bool
has_place(const struct tier *tier, const struct turn *turn)
{
	for (uint32_t i = 0; i < tier->n; i++)
		if (balance_may_take(&tier->v[i], turn))
			return true;
	return false;
}

/* From the point of the hash on; `in_flight` is that of all servers, NULL: no bound. */
static struct candidate *
walk(const struct tier *tier, const struct turn *turn, const uint32_t *in_flight)
{
	uint32_t at = balance_ring_find(tier->ring, turn->hash);
	uint32_t before = BALANCE_NONE;

	for (uint32_t i = 0; i < tier->ring->npoints; i++) {
		uint32_t member = balance_ring_server(tier->ring, at + i);
		struct candidate *c;

		if (i == PATIENCE && !has_place(tier, turn))
			return NULL;
		if (member == before || tier->of_member[member] == BALANCE_NONE)
			continue;
		before = member;
		c = &tier->v[tier->of_member[member]];
		if ((in_flight == NULL || is_within_bound(c, tier, *in_flight)) &&
		    balance_take(c, turn))
			return c;
	}
	return NULL;
}

struct candidate *
balance_ip_hash(const struct tier *tier, const struct turn *turn)
{
	return walk(tier, turn, NULL);
}

struct candidate *
balance_hash(const struct tier *tier, const struct turn *turn)
{
	uint32_t in_flight = atomic_load_explicit(&turn->group->in_flight, memory_order_relaxed);
	struct candidate *c = walk(tier, turn, &in_flight);

	return c != NULL ? c : walk(tier, turn, NULL);
}
