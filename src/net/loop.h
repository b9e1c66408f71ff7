/*
 * loop.h - the event loop of a process: descriptors, timers, tasks.
 *
 *	epoll_wait ─► watcher.on_ready ─► tasks ─► next event ...
 *	           ─► watchers that yielded, timers due
 *	           ─► late tasks ─► objects to free ─► last tasks ─► epoll_wait ...
 *
 * From one epoll_wait to the next is a turn.
 *
 * Descriptors are registered once for life (edge-triggered, both directions); what is ready is
 * remembered in the watcher until a call on the descriptor said EAGAIN.
 */
#ifndef USHERD_NET_LOOP_H
#define USHERD_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "net/timer.h"

struct loop;

enum {
	READY_READ = 1,
	READY_WRITE = 2,
	READY_EOF = 4,			/* the peer sends no more: a read will find the end */
	READY_ERROR = 8,		/* both directions are gone */
};

struct watcher {
	int fd;				/* -1: not registered */
	uint8_t ready;			/* READY_ bits; the owner clears READ, WRITE after EAGAIN */
	bool level;			/* level-triggered, as loop_watch_shared() makes it */
	struct link again;		/* in the loop's list of those that yielded */
	void (*on_ready)(struct watcher *w);
};

/*
 * Work that is done once, however often it was posted: after the callback of the current event
 * (loop_post), after all events of the turn (loop_post_late), or as the last of the turn
 * (loop_before_wait).  A task is posted to one of these at a time.
 */
struct task {
	struct link link;
	void (*run)(struct task *t);
};

/* Memory that goes when nothing on the stack can need it any more. */
struct garbage {
	struct link link;
	void (*free)(struct garbage *g);
};

struct loop *loop_new(void);		/* NULL with errno */
void loop_free(struct loop *l);		/* frees pending garbage too */

/* Runs until loop_stop(). */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);

/*
 * The process forks while the loop runs: a child may hold a descriptor for some time after it was
 * closed here, so each is taken out by hand.
 */
void loop_forks(struct loop *l);

/* Counts the turns: what is ready in one turn was so before it began. */
uint64_t loop_turn(const struct loop *l);

/*
 * How long the last turn took, in microseconds: the events of this turn may have waited so long for
 * it, and no longer.
 */
int64_t loop_lag_us(const struct loop *l);

/* Prepares a watcher; nothing is registered. */
void watcher_init(struct watcher *w, void (*on_ready)(struct watcher *));

/* Registers `fd`, edge-triggered for reading and writing.  0, or -1 with errno. */
int loop_watch(struct loop *l, struct watcher *w, int fd);

/*
 * Registers a descriptor that other processes watch too (a listening socket): level-triggered for
 * reading, and the kernel wakes one of them (EPOLLEXCLUSIVE).  0, or -1 with errno.
 */
int loop_watch_shared(struct loop *l, struct watcher *w, int fd);

/*
 * Registers a descriptor of a library that says itself what it waits for, level-triggered; called
 * again for other wishes.  `wanted` is READY_READ, READY_WRITE or both.  0, or -1 with errno.
 */
int loop_watch_wanted(struct loop *l, struct watcher *w, int fd, uint8_t wanted);

/* Takes the watcher out; the descriptor stays open. */
void loop_unwatch(struct loop *l, struct watcher *w);

/* Takes the watcher out and closes the descriptor. */
void loop_close(struct loop *l, struct watcher *w);

/* The watcher has more to do but used up its turn: on_ready is called again after the others. */
void loop_yield(struct loop *l, struct watcher *w);

/* A task that is posted twice before it runs runs once. */
void task_init(struct task *t, void (*run)(struct task *));

/* Runs the task as soon as the current callback has returned. */
void loop_post(struct loop *l, struct task *t);

/*
 * Runs the task when all events of this turn have had their callbacks: what they add up to, such as
 * the answers of many servers to one client, then leaves at once.  Posted from a late task, it runs
 * in the next turn, which begins without a wait.
 */
void loop_post_late(struct loop *l, struct task *t);

/* Runs the task when everything else of this turn is done.  Such a task posts none. */
void loop_before_wait(struct loop *l, struct task *t);

void task_cancel(struct task *t);

/* Calls g->free(g) when all tasks of this turn have run but those of loop_before_wait(). */
void loop_discard(struct loop *l, struct garbage *g, void (*free)(struct garbage *));

/* Timers of this loop; see timer.h. */
void loop_timer_set(struct loop *l, struct timer *t, msec deadline_ms);
void loop_timer_cancel(struct loop *l, struct timer *t);

#endif
