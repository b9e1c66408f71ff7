/*
 * balance_sequence.c - the smooth weighted order that workers walk together.
 *
 * Servers of equal weight take turns, so they form a class that is due as often as all of them
 * together, at even distances: the k-th time at (k + 1/2) / (sum of its weights).  Whichever class
 * is due first comes next.
 */
#include "proxy/balance/balance_sequence.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"

/* Servers of one weight. */
struct class {
	uint64_t weight;		/* of all of them */
	uint64_t turn;			/* that comes next */
	uint32_t first;			/* where they begin in the order by weight */
	uint32_t n;
};

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

/* Weights in their smallest whole proportion; where that is too much for a sequence they lose some
 * of their exactness, but none becomes 0.  Returns their sum. */
static uint32_t
reduce(const uint32_t *weights, uint32_t n, uint32_t *out)
{
	uint32_t divisor = 0, sum = 0;
	uint64_t total = 0;

	for (uint32_t i = 0; i < n; i++) {
		divisor = gcd(divisor, weights[i]);
		total += weights[i];
	}
	for (uint32_t i = 0; i < n; i++) {
		uint64_t w = weights[i] / divisor;

		if (total / divisor > BALANCE_PERIOD_MAX) {
			w = w * (BALANCE_PERIOD_MAX - n) / (total / divisor);
			w = w > 0 ? w : 1;
		}
		out[i] = (uint32_t)w;
		sum += out[i];
	}
	return sum;
}

static int
heavier_first(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Writes the servers' indexes by falling weight to `order`, and their classes to `classes`. */
static uint32_t
classify(const uint32_t *weights, uint32_t n, uint64_t *order, struct class *classes)
{
	uint32_t nclasses = 0;

	for (uint32_t i = 0; i < n; i++)
		order[i] = (uint64_t)~weights[i] << 32 | i;
	qsort(order, n, sizeof(*order), heavier_first);
	for (uint32_t i = 0; i < n; i++) {
		if (i == 0 || order[i] >> 32 != order[i - 1] >> 32)
			classes[nclasses++] = (struct class){ .first = i };
		classes[nclasses - 1].n++;
		classes[nclasses - 1].weight += weights[(uint32_t)order[i]];
	}
	return nclasses;
}

static bool
is_due_before(const struct class *a, const struct class *b)
{
	uint64_t x = (2 * a->turn + 1) * b->weight, y = (2 * b->turn + 1) * a->weight;

	return x < y || (x == y && a->first < b->first);
}

/* Lets the class at `i` of the heap sink to where it belongs. */
static void
sink(struct class *heap, uint32_t n, uint32_t i)
{
	for (uint32_t child; (child = 2 * i + 1) < n; i = child) {
		struct class moved = heap[i];

		if (child + 1 < n && is_due_before(&heap[child + 1], &heap[child]))
			child++;
		if (!is_due_before(&heap[child], &moved))
			return;
		heap[i] = heap[child];
		heap[child] = moved;
	}
}

void
balance_sequence_make(struct balance_sequence *s, const uint32_t *weights, uint32_t n)
{
	uint32_t *reduced = mem_zalloc(n + 1, sizeof(*reduced));
	uint64_t *order = mem_zalloc(n + 1, sizeof(*order));
	struct class *heap = mem_zalloc(n + 1, sizeof(*heap));
	uint32_t nclasses;

	CHECK(n <= BALANCE_PERIOD_MAX / 2);
	s->period = reduce(weights, n, reduced);
	s->v = mem_realloc(s->v, s->period, sizeof(*s->v));
	nclasses = classify(reduced, n, order, heap);
	for (uint32_t i = nclasses; i-- > 0;)
		sink(heap, nclasses, i);
	for (uint32_t i = 0; i < s->period; i++) {
		struct class *next = &heap[0];

		s->v[i] = (uint16_t)order[next->first + next->turn++ % next->n];
		sink(heap, nclasses, 0);
	}
	mem_free(reduced);
	mem_free(order);
	mem_free(heap);
}

void
balance_sequence_fini(struct balance_sequence *s)
{
	mem_free(s->v);
	*s = (struct balance_sequence){ .v = NULL };
}
