/*
 * usage.h - what master and workers use of the machine, for the metrics.
 *
 * The master reads it from /proc: a worker may have another root and no rights.
 */
#ifndef USHERD_PROCESS_USAGE_H
#define USHERD_PROCESS_USAGE_H

#include "base/clock.h"
#include "shm/core.h"

/* All zero to begin with. */
struct usage {
	unsigned next;			/* the process to look at: a slot, or the master behind */
	msec not_before_ms;		/* when to look again */
};

/*
 * Looks at the processes, or at some of them when there are many, and writes what they use to
 * shared memory.  To be called every second; takes no more than about a hundredth of the time.
 */
void usage_look(struct usage *u, struct shm_core *core);

#endif
