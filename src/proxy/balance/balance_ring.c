/*
 * balance_ring.c - a circle of points, many for each server, for consistent hashing.
 */
#include "proxy/balance/balance_ring.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/mem.h"

enum {
	SERVER_BITS = 16,
	POINTS_IN_PART = 4,		/* on average, so that a search ends at once */
	UNIT_BITS = 8,			/* points for a weight of 1 are counted in 256ths */
};

/* Every bit of the result depends on every bit of x (the finalizer of MurmurHash3). */
static uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
	x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

/*
 * Points for a weight of 1: a power of two, so that it stays the same, and with it the points of
 * all others, when one server comes or goes.
 */
static uint64_t
unit_of(const uint16_t *weights, uint32_t n)
{
	uint64_t total = 0, unit = 1;
	uint64_t wanted = (uint64_t)n * RING_POINTS;

	for (uint32_t i = 0; i < n; i++)
		total += weights[i];
	if (wanted > RING_POINTS_MAX - n)
		wanted = RING_POINTS_MAX - n;
	while (2 * unit * total <= wanted << UNIT_BITS)
		unit *= 2;
	return unit;
}

static uint32_t
points_of(uint16_t weight, uint64_t unit)
{
	uint64_t n = weight * unit >> UNIT_BITS;

	return n > 0 ? (uint32_t)n : 1;
}

static int
by_place(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Parts are found by the highest bits of a place. */
static void
make_parts(struct balance_ring *r)
{
	unsigned bits = 1;
	uint32_t at = 0, nparts;

	while (bits < 16 && (UINT32_C(1) << bits) * POINTS_IN_PART < r->npoints)
		bits++;
	nparts = UINT32_C(1) << bits;
	r->shift = 64 - bits;
	r->starts = mem_realloc(r->starts, nparts, sizeof(*r->starts));
	for (uint32_t i = 0; i < nparts; i++) {
		while (at < r->npoints && r->points[at] >> r->shift < i)
			at++;
		r->starts[i] = at;
	}
}

void
balance_ring_make(struct balance_ring *r, const uint64_t *ids, const uint16_t *weights, uint32_t n)
{
	uint64_t unit = n > 0 ? unit_of(weights, n) : 1;

	CHECK(n <= RING_POINTS_MAX / 2);
	r->points = mem_realloc(r->points, RING_POINTS_MAX, sizeof(*r->points));
	r->npoints = 0;
	r->nservers = n;
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t k = points_of(weights[i], unit); k > 0; k--)
			r->points[r->npoints++] =
			    mix(mix(ids[i]) + k) >> SERVER_BITS << SERVER_BITS | i;
	}
	r->points = mem_realloc(r->points, r->npoints, sizeof(*r->points));
	qsort(r->points, r->npoints, sizeof(*r->points), by_place);
	make_parts(r);
}

void
balance_ring_fini(struct balance_ring *r)
{
	mem_free(r->points);
	mem_free(r->starts);
	*r = (struct balance_ring){ .points = NULL };
}

uint32_t
balance_ring_find(const struct balance_ring *r, uint64_t hash)
{
	uint64_t place = mix(hash);
	uint32_t at = r->starts[place >> r->shift];

	while (at < r->npoints && r->points[at] < place)
		at++;
	return at < r->npoints ? at : 0;
}
