/*
 * group.h - what all workers of all generations share about one backend, by its name.
 *
 * `epoch` moves whenever a server may have become usable, or unusable, so that workers look again.
 * Whoever has requests waiting for a place sets its bit in `waiting`; whoever frees a place tells
 * the worker whose first request has waited longest, and wakes it.  Workers of several generations
 * may have different servers: one that has no use for the place tells the next.
 */
#ifndef USHERD_SHM_GROUP_H
#define USHERD_SHM_GROUP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "shm/core.h"

enum { SHM_GROUP_NAME = 40, SHM_GROUP_WORDS = SHM_WORKERS / 64 };

struct shm_group {
	char name[SHM_GROUP_NAME];	/* empty: free */
	_Alignas(64) _Atomic uint64_t epoch;
	_Alignas(64) _Atomic uint64_t waiting[SHM_GROUP_WORDS]; /* a bit for each worker */
	_Atomic uint64_t told[SHM_GROUP_WORDS];	/* of a place, and has not looked yet */
	_Alignas(64) _Atomic uint32_t in_flight;	/* in all servers; with BALANCE_HASH */
	_Atomic uint32_t held[SHM_WORKERS];	/* shares of it, to repair a death */
	_Atomic uint32_t queued[SHM_WORKERS];	/* requests that wait, by worker */
	_Atomic int64_t head_ms[SHM_WORKERS];	/* since when the first of them does */
};

/* Something about a server of the group has changed. */
static inline void
shm_group_changed(struct shm_group *g)
{
	atomic_fetch_add_explicit(&g->epoch, 1, memory_order_release);
}

/*
 * Counts one request of `worker` as in flight in the group; false if `max` (not 0) are already.
 * Only for BALANCE_HASH, which has to know the average.  shm_group_give() takes it back.
 */
bool shm_group_take(struct shm_group *g, int worker, uint32_t max);
void shm_group_give(struct shm_group *g, int worker);

/* Requests that wait, of all workers. */
uint32_t shm_group_queued(const struct shm_group *g);

/* Says that `n` requests of `worker` wait, the first since `head_ms`; 0: none. */
void shm_group_set_queue(struct shm_group *g, int worker, uint32_t n, msec head_ms);

/* Whether any worker has a request waiting: one load or a few. */
static inline bool
shm_group_has_waiting(struct shm_group *g)
{
	for (int i = 0; i < SHM_GROUP_WORDS; i++)
		if (atomic_load_explicit(&g->waiting[i], memory_order_seq_cst) != 0)
			return true;
	return false;
}

/* Whether any worker of this generation has. */
bool shm_group_has_waiting_in(const struct shm_group *g, const struct shm_core *core,
    uint32_t generation);

/*
 * The worker whose first request has waited longest; with `after` (not -1) of those that have
 * waited less than that worker's.  -1 if there is none.
 */
int shm_group_next(const struct shm_group *g, int after);

/* A place may be free for `worker`, which was_told() lets it know, once. */
void shm_group_tell(struct shm_group *g, int worker);
bool shm_group_was_told(struct shm_group *g, int worker);

/* A worker has died, between any two of the steps above.  Master. */
void shm_group_repair(struct shm_group *g, int worker);

#endif
