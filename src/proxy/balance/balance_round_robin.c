/*
 * balance_round_robin.c - one after the other by weight; all workers walk one sequence together.
 */
#include "proxy/balance/balance.h"

struct candidate *
balance_round_robin(const struct tier *tier, const struct turn *turn)
{
	uint64_t at = 0;

	/*
	 * Past those that are full or tried, by turns of their own: else the same neighbour would
	 * get all that they cannot take.  But not through all of a long sequence.
	 */
	for (uint32_t i = 0; i < tier->n; i++) {
		struct candidate *c;

		at = atomic_fetch_add_explicit(turn->cursor, 1, memory_order_relaxed);
		c = &tier->v[balance_sequence_at(&tier->sequence, at)];
		if (balance_take(c, turn))
			return c;
	}
	return balance_take_any(tier, turn, (uint32_t)(at % tier->n));
}
