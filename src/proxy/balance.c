/*
 * balance.c - the order in which round_robin takes the servers of a backend.
 */
#include "proxy/balance.h"

#include "base/check.h"
#include "base/mem.h"

static uint32_t
gcd(uint32_t a, uint32_t b)
{
	while (b != 0) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Weights in their smallest whole proportion; those that are too great for a sequence lose some of
 * their exactness, but none becomes 0. */
static uint32_t
reduce(const uint16_t *weights, uint32_t n, int32_t *out)
{
	uint32_t divisor = 0, sum = 0;
	uint64_t total = 0;

	for (uint32_t i = 0; i < n; i++) {
		divisor = gcd(divisor, weights[i]);
		total += weights[i];
	}
	if (divisor == 0)
		return 0;
	total /= divisor;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t w = weights[i] / divisor;

		if (total > BALANCE_PERIOD_MAX && w > 0) {
			w = w * (BALANCE_PERIOD_MAX - n) / total;
			w = w > 0 ? w : 1;
		}
		out[i] = (int32_t)w;
		sum += (uint32_t)w;
	}
	return sum;
}

uint32_t
balance_sequence(const uint16_t *weights, uint32_t n, uint16_t *out)
{
	int32_t *weight = mem_zalloc(n, sizeof(*weight));
	int32_t *current = mem_zalloc(n, sizeof(*current));
	uint32_t period = reduce(weights, n, weight);

	CHECK(n < BALANCE_PERIOD_MAX && period <= BALANCE_PERIOD_MAX);
	for (uint32_t turn = 0; turn < period; turn++) {
		uint32_t best = 0;

		for (uint32_t i = 0; i < n; i++) {
			current[i] += weight[i];
			if (current[i] > current[best])
				best = i;
		}
		current[best] -= (int32_t)period;
		out[turn] = (uint16_t)best;
	}
	mem_free(weight);
	mem_free(current);
	return period;
}
