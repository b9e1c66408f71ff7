/*
 * master_internal.h - what the files of the master share.
 */
#ifndef USHERD_PROCESS_MASTER_INTERNAL_H
#define USHERD_PROCESS_MASTER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "net/loop.h"
#include "process/config.h"
#include "process/control.h"
#include "process/generation.h"
#include "process/listeners.h"
#include "process/options.h"
#include "process/pidfile.h"
#include "process/signals.h"
#include "process/usage.h"
#include "process/watch.h"
#include "proxy/proxy.h"
#include "proxy/servers/checks.h"

enum master_state {
	MASTER_STARTING,		/* the first generation is not ready yet */
	MASTER_RUNNING,
	MASTER_DRAINED,			/* SIGWINCH: a reload brings new workers */
	MASTER_ENDING,
};

struct master {
	const struct options *options;
	struct certificates *certificates;
	struct watch watch;		/* of their files */
	struct checks *checks;		/* of the health of servers */
	struct proxy_servers servers;	/* names that are followed, changes at run time */
	struct task servers_task;	/* lists of servers are to be looked at */
	struct control *control;	/* the control socket */
	struct buf reload_lines;	/* of trouble, since the reload began that is under way */
	struct timer look_on;		/* there are more than one turn of the loop can take */
	enum master_state state;
	int status;			/* to exit with */
	struct loop *loop;
	struct signals signals;
	struct proxy_shm shm;
	struct listeners listeners;
	struct listener_set parked;	/* sockets kept while nobody serves */
	struct pidfile pidfile;
	int error_fd;			/* of the error log, a copy of a generation's; -1: syslog */

	struct respawn_pace pace;
	struct generation_env env;
	struct link generations;	/* all that have workers, oldest first */
	struct generation *current;	/* the one that serves; NULL: none */
	struct generation *next;	/* the one that starts; NULL: none */
	struct config *pending;		/* what is to be the next one waits for its names */
	uint32_t last_number;
	bool reload_again;		/* asked for during a reload */
	unsigned orphans;		/* workers of a dead master that were told to end */

	struct config *first;		/* until its generation is made */
	struct logs first_logs;
	msec bind_until_ms;		/* how long a start waits for addresses */
	struct timer retry;		/* of binding */
	struct timer tick;
	struct usage usage;		/* what processes use, for the admin pages */
	struct timer deadline;		/* of the end */
	struct task changed;		/* the list of workers is to be written */
};

/*
 * master_start.c: everything that the process needs only once, `inherited` sockets among it; and
 * gives up the rights that it does not need.  0, or -1 after an error line; master_release() ends
 * both.
 */
int master_acquire(struct master *m, int inherited);
void master_release(struct master *m);

/* The first generation; or the end of the process, after an error line. */
void master_start(struct master *m);

/* A generation became ready or failed while starting. */
void master_started(struct master *m);
void master_start_failed(struct master *m);

/* master_reload.c */
void master_reload(struct master *m);
void master_reloaded(struct master *m, struct generation *before);
void master_reload_failed(struct master *m);

/* Whether one is under way. */
bool master_reloading(const struct master *m);

/* master_certificates.c: begins to look after the certificates and the ticket keys. */
void master_watch_certificates(struct master *m);

/* The certificates in use may be others, or newer, than before. */
void master_certificates_changed(struct master *m);

/*
 * master_servers.c: opens and closes what follows the servers of backends.  0, or -1 after an error
 * line.
 */
int master_open_servers(struct master *m);
void master_close_servers(struct master *m);
void master_follow_servers(struct task *t);	/* what servers_task does */

/* Which generation serves, or the servers of one, or orders for them, may be others than before;
 * what follows from that happens before the next event. */
void master_servers_changed(struct master *m);

/*
 * Looks up the names of a configuration.  Calls `go_on` from the loop when all have answered, or
 * shortly after if they do not.
 */
void master_await_names(struct master *m, const struct config *c, void (*go_on)(void *arg));

/*
 * master_control.c: the control socket is that of generation `g`, which serves now; and changes at
 * run time hold for its servers.  master_close_control() leaves nobody without an answer.
 */
void master_open_control(struct master *m);
void master_use_control(struct master *m, const struct generation *g);
void master_close_control(struct master *m);

/* Whoever waits for the end of a reload hears of all that was logged meanwhile. */
void master_reload_begins(struct master *m);
void master_reload_ends(struct master *m, bool done);

/* Begins a generation from its parts, which it takes over; NULL after an error line. */
struct generation *master_begin(struct master *m, struct config *c, struct listener_set *set,
    struct logs *logs);

/* Writes to that error log from now on. */
void master_use_log(struct master *m, int error_fd);

/* Settings that are the master's own: error log, level, and what the status pages show. */
void master_apply(struct master *m, const struct generation *g);

/* Ends everything now, with an exit status. */
void master_stop(struct master *m, int status);

#endif
