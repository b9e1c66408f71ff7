/*
 * health.h - when a server is up or down: so many good or bad looks in a row say so.
 */
#ifndef USHERD_PROXY_SERVERS_HEALTH_H
#define USHERD_PROXY_SERVERS_HEALTH_H

#include <stdbool.h>

#include "base/clock.h"
#include "shm/servers.h"

struct health {
	enum shm_health state;
	unsigned in_row;		/* looks that found the same; 0: none yet */
	bool good;			/* what they found */
};

/*
 * Counts a look.  The first one ever decides alone; after that `fall` bad ones in a row take a
 * server down and `rise` good ones bring it up.  True if the state changed.
 */
bool health_count(struct health *h, bool good, unsigned rise, unsigned fall);

/*
 * How long to wait from the beginning of one look to the next, without jitter: `interval_ms`, or
 * while a server is down or wavers (the last look spoke against its state) half of it, between
 * 200 ms and 2 s; never longer than `interval_ms`.
 */
msec health_wait(const struct health *h, msec interval_ms);

/* `wait_ms` up to 20 % shorter or longer; `random` is any number. */
msec health_jitter(msec wait_ms, uint64_t random);

#endif
