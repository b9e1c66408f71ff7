/*
 * balance_ring.h - a circle of points, many for each server, for consistent hashing.
 *
 * A key belongs to the server whose point follows it on the circle.  A server that is away leaves
 * its keys to those whose points follow, and nobody else's keys move.
 */
#ifndef USHERD_PROXY_BALANCE_BALANCE_RING_H
#define USHERD_PROXY_BALANCE_BALANCE_RING_H

#include <stdint.h>

enum {
	RING_POINTS = 160,		/* of a server of average weight, about */
	RING_POINTS_MAX = 65536,	/* of all servers */
};

/* All zero: empty. */
struct balance_ring {
	uint64_t *points;		/* ascending: place on the circle, server in the low bits */
	uint32_t npoints;
	uint32_t nservers;
	uint32_t *starts;		/* where the points of each part of the circle begin */
	unsigned shift;			/* a place shifted by this is the number of its part */
};

/*
 * Makes the ring of `n` servers, in place of what was there: server i has an id that is always its
 * own, and a weight of at least 1.  Ids and weights alone decide where points are.
 */
void balance_ring_make(struct balance_ring *r, const uint64_t *ids, const uint16_t *weights,
    uint32_t n);
void balance_ring_fini(struct balance_ring *r);

/* The first point that follows the hash; the ring is not empty. */
uint32_t balance_ring_find(const struct balance_ring *r, uint64_t hash);

/* The server of a point, which may be counted on beyond the last one. */
static inline uint32_t
balance_ring_server(const struct balance_ring *r, uint32_t point)
{
	return (uint16_t)r->points[point % r->npoints];
}

#endif
