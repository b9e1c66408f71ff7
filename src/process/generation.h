/*
 * generation.h - the workers that live with one configuration.
 *
 *	STARTING ──all READY──► SERVING ──drain, stop──► ENDING ──all gone──► ended
 *	    └──one dies, or time is over──► failed, then drained
 *
 * While it serves, a worker that dies is replaced, see respawn.h.
 */
#ifndef USHERD_PROCESS_GENERATION_H
#define USHERD_PROCESS_GENERATION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
#include "net/loop.h"
#include "process/channel.h"
#include "process/config.h"
#include "process/listeners.h"
#include "process/logs.h"
#include "process/respawn.h"
#include "proxy/proxy.h"

enum generation_state { GENERATION_STARTING, GENERATION_SERVING, GENERATION_ENDING };

struct generation;

/* How a generation answers; called from the loop, never from within a call of these functions. */
struct generation_events {
	void (*ready)(void *arg, struct generation *g);		/* every worker serves */
	void (*failed)(void *arg, struct generation *g);	/* it never will; drain it */
	void (*ended)(void *arg, struct generation *g);		/* nothing left: free it */
};

/* What all generations have in common. */
struct generation_env {
	struct loop *loop;
	struct proxy_shm *shm;
	const struct proxy_servers *servers;
	const struct generation_events *events;
	struct respawn_pace *pace;
	/* Called when a worker came or went. */
	void (*changed)(void *arg);
	/* There is no slot for a worker: the master may end an old generation; we try again. */
	void (*no_slot)(void *arg);
	void *arg;
};

struct place;

struct generation {
	struct link link;		/* in the master's list, oldest first */
	const struct generation_env *env;
	uint32_t number;
	enum generation_state state;
	struct config *config;
	struct listener_set listeners;
	struct logs logs;
	unsigned max_connections;	/* per worker */
	struct place *places;		/* one per worker */
	unsigned nplaces;
	struct link children;
	bool stopped;			/* told to end now */
	bool did_fail;
	struct timer deadline;
	struct task outcome;		/* tells ready, failed or ended */
	struct garbage garbage;
};

/* Takes over the configuration, the sockets and the logs. */
struct generation *generation_new(const struct generation_env *env, uint32_t number,
    struct config *config, struct listener_set *listeners, struct logs *logs,
    unsigned max_connections);

/* Ends one without workers; the memory goes after the current batch of events. */
void generation_free(struct generation *g);

/*
 * Publishes the proxy and forks the workers.  0: one of the events follows; -1 after an error line:
 * nothing was forked.
 */
int generation_start(struct generation *g);

/*
 * Lets the workers finish what they do: CHANNEL_DRAIN within drain_timeout, CHANNEL_QUIT within
 * shutdown_timeout.
 */
void generation_drain(struct generation *g, enum channel_kind kind);

/* Ends the workers now. */
void generation_stop(struct generation *g);

/* A process died: true if it was one of this generation's. */
bool generation_reap(struct generation *g, pid_t pid, int status);

/*
 * Opens the logs anew and passes them to the workers.  0, or -1 after an error line: then all goes
 * on with the old ones.
 */
int generation_reopen_logs(struct generation *g);

/*
 * Passes certificates that were replaced to the workers, and to those that come later.  Returns the
 * version (see certificates_version()) up to which all workers have them.
 */
uint64_t generation_send_certificates(struct generation *g);

#endif
