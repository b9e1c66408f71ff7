/*
 * members.h - what a configuration has in shared memory: lists of servers, rows of metrics.
 */
#ifndef USHERD_PROXY_MEMBERS_H
#define USHERD_PROXY_MEMBERS_H

#include "conf/snapshot.h"
#include "proxy/proxy.h"

struct members {
	int *lists;			/* by backend: index in shm_servers.members */
	uint32_t *backend_rows;		/* rows of metrics, by backend, listen and route */
	uint32_t *listen_rows;
	uint32_t *route_rows;		/* the last one is that of requests without a route */
};

/*
 * Resolves the servers' names, gives every address a slot, writes the lists of `generation` and
 * finds the metric rows.  A name that does not resolve is a server that is down.  NULL after an
 * error line.  Master.
 */
struct members *members_publish(const struct conf_snapshot *c, struct proxy_shm *shm,
    uint32_t generation);

void members_free(struct members *m);

#endif
