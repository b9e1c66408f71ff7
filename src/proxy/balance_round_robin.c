/*
 * balance_round_robin.c - one after the other by weight; all workers walk one sequence together.
 */
#include "proxy/balance.h"

struct candidate *
balance_round_robin(const struct tier *tier, const struct turn *turn)
{
	uint64_t at = atomic_fetch_add_explicit(turn->cursor, 1, memory_order_relaxed);

	/* Past those that are full, but not through all of a long sequence. */
	for (uint32_t i = 0; i < tier->n; i++) {
		struct candidate *c = &tier->v[balance_sequence_at(&tier->sequence, at + i)];

		if (balance_take(c, turn))
			return c;
	}
	return balance_take_any(tier, turn, (uint32_t)(at % tier->n));
}
