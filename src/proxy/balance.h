/*
 * balance.h - the order in which round_robin takes the servers of a backend.
 */
#ifndef USHERD_PROXY_BALANCE_H
#define USHERD_PROXY_BALANCE_H

#include <stdint.h>

/* The longest sequence; greater sums of weights are scaled down. */
enum { BALANCE_PERIOD_MAX = 4096 };

/*
 * The smooth weighted sequence of `n` servers: `out[i]` is the index to take at the i-th turn, each
 * as often as its weight says and spread as evenly as can be.  `out` has room for
 * BALANCE_PERIOD_MAX entries.  Returns the period; 0 when no server has a weight.  The same weights
 * always give the same sequence, so all workers walk one.
 */
uint32_t balance_sequence(const uint16_t *weights, uint32_t n, uint16_t *out);

#endif
