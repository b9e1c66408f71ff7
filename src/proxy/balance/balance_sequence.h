/*
 * balance_sequence.h - the smooth weighted order that workers walk together.
 */
#ifndef USHERD_PROXY_BALANCE_BALANCE_SEQUENCE_H
#define USHERD_PROXY_BALANCE_BALANCE_SEQUENCE_H

#include <stdint.h>

/* The longest sequence; greater sums of weights are scaled down. */
enum { BALANCE_PERIOD_MAX = 8192 };

/* All zero: empty. */
struct balance_sequence {
	uint16_t *v;			/* whose turn it is, over and over again */
	uint32_t period;
};

/*
 * Makes the sequence of `n` <= BALANCE_PERIOD_MAX / 2 servers with these weights (at least 1), in
 * place of what was there: each comes up as often as its weight says and spread as evenly as can
 * be.  The same weights always give the same sequence.  Costs O(n log n + period log n).
 */
void balance_sequence_make(struct balance_sequence *s, const uint32_t *weights, uint32_t n);
void balance_sequence_fini(struct balance_sequence *s);

static inline uint32_t
balance_sequence_at(const struct balance_sequence *s, uint64_t turn)
{
	return s->v[turn % s->period];
}

#endif
