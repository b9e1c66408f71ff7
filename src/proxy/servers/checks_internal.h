/*
 * checks_internal.h - what checks.c and checks_record.c share.
 */
#ifndef USHERD_PROXY_SERVERS_CHECKS_INTERNAL_H
#define USHERD_PROXY_SERVERS_CHECKS_INTERNAL_H

#include "base/list.h"
#include "proxy/servers/checks.h"
#include "proxy/servers/health.h"
#include "proxy/servers/probe.h"

struct check {
	struct checks *all;
	struct shm_server *server;
	uint32_t serial;		/* of its slot, when this began */
	const struct conf_backend *backend;
	struct tls_client *const *tls;
	struct health health;
	struct timer timer;		/* of the next look */
	struct link waiting;		/* its time has come, but not its turn */
	struct probe *probe;		/* NULL: none under way */
	msec began_ms;			/* the last look */
	bool counted_down;		/* it is one of all->running_down */
	bool first_round;
	bool wanted;			/* the lists name it */
};

struct checks {
	struct loop *loop;
	struct proxy_shm *shm;
	struct check **by_slot;		/* SHM_SERVERS of them */
	struct str chroot;		/* of the workers */
	struct link waiting_up;		/* in the order of their coming */
	struct link waiting_down;
	unsigned running;
	unsigned running_down;
	struct timer wake;
	bool news;			/* that workers have not been woken for */
	msec last_failed_ms;		/* a line about our own failures */
};

/* checks_record.c: what a look found goes to shared memory, and a change to the log. */
void checks_record(struct check *k, const struct probe_result *r);

/* Workers hear soon that the health of some server is another one. */
void checks_tell_workers(struct checks *c);
void checks_on_wake(struct timer *t);	/* what c->wake does */

#endif
