/*
 * balance_random.c - two at random, by weight; the one with less to do gets the request.
 */
#include "base/rng.h"
#include "proxy/balance/balance.h"

static struct candidate *
draw(const struct tier *tier)
{
	uint64_t turn = rng_below(tier->sequence.period);

	return &tier->v[balance_sequence_at(&tier->sequence, turn)];
}

static double
load_of(const struct candidate *c)
{
	return atomic_load_explicit(&c->shared->in_flight, memory_order_relaxed) * c->share;
}

struct candidate *
balance_random(const struct tier *tier, const struct turn *turn)
{
	struct candidate *a = draw(tier), *b = draw(tier);

	if (load_of(b) < load_of(a)) {
		struct candidate *lighter = b;

		b = a;
		a = lighter;
	}
	if (balance_take(a, turn))
		return a;
	if (balance_take(b, turn))
		return b;
	return balance_take_any(tier, turn, (uint32_t)rng_below(tier->n));
}
