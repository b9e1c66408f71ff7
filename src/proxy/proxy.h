/*
 * proxy.h - the proxy as processes see it: built in the master, run in a worker.
 *
 *	snapshot ──proxy_build()──► struct proxy ──fork──► proxy_start() ─► serves ─► proxy_drain()
 *
 * proxy_build() compiles everything that can be wrong in a configuration, so that `-t` and a reload
 * find it before anything changes.  A struct proxy never changes after that; a worker adds its own
 * run-time state (connections, pools) in proxy_start().
 */
#ifndef USHERD_PROXY_PROXY_H
#define USHERD_PROXY_PROXY_H

#include <stdbool.h>

#include "base/buf.h"
#include "conf/error.h"
#include "conf/snapshot.h"
#include "net/loop.h"
#include "net/tls_cert.h"
#include "net/tls_server.h"
#include "shm/core.h"
#include "shm/metrics.h"
#include "shm/servers.h"

struct explain_question;
struct proxy;
struct checks;
struct names;
struct overrides;

/* The shared memory that master and workers have in common. */
struct proxy_shm {
	struct shm_core core;
	struct shm_servers servers;
	struct metrics metrics;
};

/* What makes servers out of the lines of a configuration; the master's. */
struct proxy_servers {
	struct proxy_shm *shm;
	struct names *names;
	struct overrides *overrides;
};

/* What a worker brings. */
struct proxy_env {
	struct loop *loop;
	struct proxy_shm *shm;
	int slot;			/* of the worker, in shm->core */
	unsigned max_connections;	/* what this process can bear; 0: as the snapshot says */

	/* One descriptor per snapshot listen and bind, in their order; admin binds last. */
	const int *listen_fds;
	unsigned nlisten_fds;

	/* One descriptor per snapshot log; -1 where the target is syslog. */
	const int *log_fds;

	/* This process's certificates, by their numbers in the snapshot; outlives the proxy.
	 * Ticket keys are no matter of the proxy: tls_tickets_use() is called before. */
	struct tls_store *certs;

	/* The last connection of a draining proxy is gone; called once, from the loop. */
	void (*drained)(void *arg);
	void *arg;
};

/*
 * Compiles the snapshot, which must outlive the result.  `certs`, which is not used any more after
 * proxy_publish(), holds the certificates by their numbers in the snapshot; one that could not be
 * loaded, of which `errors` has been told, is missing.  NULL when `errors` got an error.  Nothing
 * outside the process is changed.  proxy_free() ends it.
 */
struct proxy *proxy_build(const struct conf_snapshot *snapshot, const struct tls_store *certs,
    struct conf_errors *errors);
void proxy_free(struct proxy *p);

/*
 * The descriptors that are open since proxy_build(), for a worker to keep: their number, and
 * `*fds`, which lives with `p`.
 */
unsigned proxy_descriptors(const struct proxy *p, const int **fds);

/*
 * Makes the server slots, member lists and metric rows that the proxy uses, and what it takes to
 * speak to servers that were added at run time.  The lists are those of
 * `generation`: older ones stay as they are, so a reload can be rolled back.  Master, before the
 * fork.  0, or -1 after an error line.
 */
int proxy_publish(struct proxy *p, const struct proxy_servers *from, uint32_t generation);

/*
 * Names have other addresses, or there are other changes at run time: the lists that were published
 * follow.  `newest`: of all generations this is the one that says what holds for a server.  Master.
 */
void proxy_update(struct proxy *p, const struct proxy_servers *from, bool newest);

/* The list of servers that was published for a backend, by its index in the snapshot. */
const struct shm_members *proxy_members(const struct proxy *p, const struct proxy_shm *shm,
    unsigned backend);

/* The servers that were published are checked from now on.  Master. */
void proxy_check(const struct proxy *p, struct checks *checks);

/* Begins to serve.  Worker, once.  0, or -1 after an error line. */
int proxy_start(struct proxy *p, const struct proxy_env *env);

/*
 * Stops accepting and closes the listening sockets of this process.  Requests in flight are
 * answered; idle connections stay until their next request, which is answered with
 * `Connection: close`, or until keepalive_timeout.
 */
void proxy_drain(struct proxy *p);

/* Something in shared memory has changed: servers that came or went, places that are free. */
void proxy_wake(struct proxy *p);

/* Gives access log `index` a new descriptor (after SIGUSR1); the old is flushed and closed. */
void proxy_set_log(struct proxy *p, unsigned index, int fd);

/* Replaces a certificate in env->certs; new handshakes and new connections to servers show it. */
void proxy_set_certificate(struct proxy *p, unsigned index, struct tls_cert *cert);

/* The part of that which a master has to do: new connections to servers show the certificate. */
void proxy_renew_servers(struct proxy *p, unsigned index, struct tls_cert *cert);

/*
 * Writes what would happen to a request, and why; nothing is sent, and no memory is shared.
 * Instead of proxy_start().  0 when a route is found, 1 when there is none, -1 with errno.
 */
int proxy_explain(struct proxy *p, struct tls_store *certs, const struct explain_question *q,
    struct buf *out);

/* Ends everything at once: writes out logs; connections die with the process. */
void proxy_stop(struct proxy *p);

#endif
