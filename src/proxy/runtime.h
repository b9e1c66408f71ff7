/*
 * runtime.h - the proxy of one worker: what exchanges share while they run.
 */
#ifndef USHERD_PROXY_RUNTIME_H
#define USHERD_PROXY_RUNTIME_H

#include "base/list.h"
#include "conf/snapshot.h"
#include "net/loop.h"
#include "proxy/balance/server.h"
#include "proxy/log/failure_log.h"
#include "proxy/proxy.h"
#include "shm/metrics.h"

struct access_log;
struct backend;
struct bucket_trust;
struct files;
struct hash_keys;
struct headers;
struct retry_budget;
struct route;
struct router;
struct sites;
struct sticky;

struct runtime {
	const struct conf_snapshot *conf;
	const struct router *router;
	const struct headers *headers;
	struct sites *sites;
	struct tls_store *certs;
	const struct files *files;
	struct loop *loop;
	struct proxy_shm *shm;
	struct shm_worker *self;		/* this worker's slot */
	int slot;
	bool draining;
	bool dry;				/* --explain: nothing is opened, nobody asked */
	struct link exchanges;			/* all in flight */
	unsigned nconnections;			/* of clients */
	unsigned max_connections;
	struct metrics_cell **listen_cells;	/* by listen index */
	struct metrics_cell *no_route_cell;	/* of requests that no route serves */
	struct backend **backends;		/* by backend index */
	const struct shm_members **members;	/* their lists of servers, likewise */
	struct link mirrors;			/* copies of requests in flight */
	unsigned nmirrors;
	size_t list_bytes;			/* what lists of big directories hold */
	struct server_pool pool;
	struct timer trim;			/* gives freed memory back to the system */
	struct link queues;			/* of backends, that somebody waits in */
	struct retry_budget *retry_budgets;	/* by backend index */
	struct bucket_trust *bucket_trust;	/* by bucket index */
	const struct hash_keys *hash_keys;
	struct sticky *sticky;
	struct access_log **logs;		/* by log index */
	struct conf_strs redact;		/* what any of them hides, the error log hides */
	struct failure_log failures;
};

/*
 * Where requests of a route are counted; without one, those that no route serves.  NULL in a dry
 * run, which counts nothing.
 */
struct metrics_cell *runtime_route_cell(const struct runtime *rt, const struct route *route);

/* An exchange or a connection is over: what it took may go back to the system a little later. */
void runtime_freed(struct runtime *rt);

/* Tells the process when a draining worker has no connection any more. */
void runtime_check_drained(struct runtime *rt);

#endif
