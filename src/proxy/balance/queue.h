/*
 * queue.h - requests of one worker that wait for a place in a backend, first come first served.
 *
 *	queue_join() ─► waits ─► try() took a place     (queue_freed() somewhere, queue_run() here)
 *	                     └─► expired()              (queue timeout)
 *
 * A request that waits is seen by all workers through the group in shared memory.  A wake-up that
 * gets lost with a worker that dies costs the next one a tenth of a second at most: whoever waits
 * looks again that often.
 */
#ifndef USHERD_PROXY_BALANCE_QUEUE_H
#define USHERD_PROXY_BALANCE_QUEUE_H

#include "base/list.h"
#include "conf/snapshot.h"
#include "net/loop.h"
#include "shm/core.h"
#include "shm/group.h"

struct queue;

struct waiter {
	struct link link;
	msec since_ms;			/* 0: has not waited */
	bool waits;			/* in the queue */

	/* Tries to take a place; true if it did, or gave up, and called queue_leave(). */
	bool (*try)(struct waiter *w);

	/* The queue's timeout is over; it is out of the queue. */
	void (*expired)(struct waiter *w);
};

/* `used` is the list of this worker's queues that somebody waits in. */
struct queue *queue_new(const struct conf_queue *conf, struct shm_group *group,
    struct shm_core *core, struct loop *loop, int worker, struct link *used);

/* Nobody may wait any more. */
void queue_free(struct queue *q);

/* Whether a new request has to get in line: somebody waits here, or in another worker of this
 * generation. */
bool queue_is_used(const struct queue *q);

/*
 * Gets in line; false if the queue is off, or as long as `max` over all workers.  Who waited before
 * keeps its turn, and what is left of its time: clear `since_ms` when that shall not count.
 */
bool queue_join(struct queue *q, struct waiter *w);
void queue_leave(struct queue *q, struct waiter *w);	/* no-op if it does not wait */

/* Requests of this worker that wait. */
unsigned queue_length(const struct queue *q);

/* This worker gave a place back: wakes whoever has waited longest, wherever it is. */
void queue_freed(struct queue *q);

/*
 * A place was of no use, as no server could be reached: from now on those that wait try one at a
 * time, ten times a second, until queue_reached() says that one got through.
 */
void queue_unreachable(struct queue *q);
void queue_reached(struct queue *q);

/* Lets those that wait here try, first come first served, until one has to go on waiting.  A place
 * that this worker was told of but has no use for is for the next worker. */
void queue_run(struct queue *q);
void queue_run_all(struct link *used);

#endif
