/*
 * respawn.h - when the place of a worker is taken again.
 *
 * One crash must not be an outage, even if it takes all workers with it: the first ones are
 * replaced at once.  Only a place whose workers die young again and again has to wait, longer each
 * time, so that a worker that cannot live does not keep the machine busy.
 */
#ifndef USHERD_PROCESS_RESPAWN_H
#define USHERD_PROCESS_RESPAWN_H

#include "base/clock.h"

enum {
	RESPAWN_YOUNG_MS = 10000,	/* a worker that dies before has died young */
	RESPAWN_FREE = 3,		/* so many young deaths in a row cost no time */
	RESPAWN_FIRST_MS = 100,
	RESPAWN_MAX_MS = 10000,
};

/* Of a place; begins with zeroes. */
struct respawn {
	unsigned deaths;		/* young ones in a row */
	unsigned failures;		/* to start one, in a row; whoever starts one clears it */
};

/* A worker died that had lived for so long: how long to wait before the next one. */
msec respawn_delay(struct respawn *r, msec lived_ms);

/* A worker could not be started, which is no death: how long to wait before the next try. */
msec respawn_retry(struct respawn *r);

#endif
