/*
 * child.h - one worker process as the master sees it.
 */
#ifndef USHERD_PROCESS_CHILD_H
#define USHERD_PROCESS_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/list.h"
#include "net/loop.h"
#include "process/channel.h"
#include "process/logs.h"
#include "process/worker.h"

struct child {
	struct link link;		/* in its generation */
	unsigned index;			/* 0 to workers - 1 */
	uint32_t generation;
	int slot;			/* in shm->core */
	pid_t pid;
	bool ready;			/* said so */
	bool listed;			/* told so */
	bool leaving;			/* asked to end, by us or directly: its end is no death */
	bool killed;			/* by us: it did not end when told */
	msec started_ms;

	struct loop *loop;
	struct watcher channel;
	const struct logs *logs;	/* being sent, see child_send_logs() */
	unsigned logs_sent;
	const struct certificate_set *certificates;	/* of its configuration */
	uint64_t certificates_seen;	/* version that it has all of */
	uint64_t certificates_now;	/* version that it is being brought to */
	unsigned certificates_next;	/* the first number that was not passed yet */
	struct garbage garbage;

	/* It said CHANNEL_READY or CHANNEL_LEAVING. */
	void (*on_word)(struct child *c, enum channel_kind kind);
	void *owner;
};

/*
 * Forks a worker; `start` is complete but for the channel.  The child never returns.  NULL after an
 * error line.
 */
struct child *child_spawn(struct loop *loop, struct worker_start *start,
    void (*on_word)(struct child *c, enum channel_kind kind), void *owner);

/* Says DRAIN, QUIT or STOP, by a signal if the channel does not take it. */
void child_tell(struct child *c, enum channel_kind kind);

/* Says, once, that the list of workers names it. */
void child_tell_listed(struct child *c);

/* Reads what the worker may have said before it died. */
void child_hear(struct child *c);

/* Sends the error log and all access logs, as fast as the worker takes them; `logs` must stay. */
void child_send_logs(struct child *c, const struct logs *logs);

/* Sends the certificates that were replaced, as fast as the worker takes them. */
void child_send_certificates(struct child *c);

/* Forgets a process that is dead; the memory goes after the current batch of events. */
void child_free(struct child *c);

#endif
