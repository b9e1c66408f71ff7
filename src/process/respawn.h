/*
 * respawn.h - when a worker that died is replaced.
 *
 * Most deaths cost no time: a worker that was killed from outside, or that worked for a while, is
 * replaced at once, and so are the first ones that crash early.  A slot whose workers go on to
 * crash early waits longer each time, so that a fault does not keep the machine busy; but never
 * more than half of the slots wait, so that usherd goes on serving.
 */
#ifndef USHERD_PROCESS_RESPAWN_H
#define USHERD_PROCESS_RESPAWN_H

#include <stdbool.h>

#include "base/clock.h"

enum {
	RESPAWN_EARLY_MS = 1000,	/* a worker that crashes before has crashed early */
	RESPAWN_FREE = 3,		/* so many early crashes in a row cost no time */
	RESPAWN_FIRST_MS = 100,
	RESPAWN_MAX_MS = 10000,
	RESPAWN_FORKS = 20,		/* at most so many forks in any second */
};

/* Of a slot; begins with zeroes. */
struct respawn {
	unsigned crashes;		/* early ones in a row */
	unsigned failures;		/* to start one, in a row; whoever starts one clears it */
};

/*
 * A worker died that had lived for so long; `killed`: by SIGKILL, which is no fault of its own.
 * How long to wait before the next one.
 */
msec respawn_delay(struct respawn *r, msec lived_ms, bool killed);

/* True if one more of the slots may wait while `waiting` of them do so already. */
bool respawn_may_wait(unsigned waiting, unsigned slots);

/* A worker could not be started, which is no death: how long to wait before the next try. */
msec respawn_retry(struct respawn *r);

/* Of the forks of all slots together; begins with zeroes. */
struct respawn_pace {
	msec forks_ms[RESPAWN_FORKS];	/* the last ones, a ring */
	uint64_t count;			/* of all */
};

/* The first moment from `now_ms` on at which another fork is allowed. */
msec respawn_next(const struct respawn_pace *p, msec now_ms);

/* There was a fork. */
void respawn_note(struct respawn_pace *p, msec now_ms);

#endif
