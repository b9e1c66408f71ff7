/*
 * members.h - what a configuration has in shared memory: lists of servers, rows of metrics.
 *
 *	lines of the configuration ─► changes at run time ─► addresses of names ─► list of slots
 *	                              (overrides)            (names)
 */
#ifndef USHERD_PROXY_SERVERS_MEMBERS_H
#define USHERD_PROXY_SERVERS_MEMBERS_H

#include "conf/snapshot.h"
#include "proxy/proxy.h"

struct tls_client;

struct members {
	int *lists;			/* by backend: index in shm_servers.members */
	uint32_t *backend_rows;		/* rows of metrics, by backend, listen and route */
	uint32_t *listen_rows;
	struct tls_client *const *tls;	/* by backend; NULL: none can be https */
	uint32_t *route_rows;		/* the last one is that of requests without a route */
};

/*
 * Gives every address of the servers a slot, writes the lists of `generation` and finds the metric
 * rows.  A name that does not resolve, or not yet, is one server that is down; servers of one
 * backend with the same address are one.  `tls`, which must outlive the result, says by backend
 * whether https can be spoken: without, servers that were added with it are left out.  NULL after
 * an error line.  Master.
 */
struct members *members_publish(const struct conf_snapshot *c, const struct proxy_servers *from,
    struct tls_client *const *tls, uint32_t generation);

/*
 * Writes those lists anew that are others by now; one that does not fit stays as it is, after an
 * error line.  With `newest` what was ordered for servers holds from now on as this configuration
 * has them.  Master.
 */
void members_update(const struct members *m, const struct conf_snapshot *c,
    const struct proxy_servers *from, bool newest);

void members_free(struct members *m);

/* Frees what servers had that are gone: slots, and rows of metrics.  Master, once a second. */
void members_sweep(struct proxy_shm *shm);

#endif
