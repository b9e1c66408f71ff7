/*
 * server.h - one server of a backend as a worker sees it, with its idle connections.
 */
#ifndef USHERD_PROXY_BALANCE_SERVER_H
#define USHERD_PROXY_BALANCE_SERVER_H

#include "base/addr.h"
#include "base/list.h"
#include "conf/snapshot.h"
#include "http/h1_back.h"
#include "net/loop.h"
#include "shm/metrics.h"
#include "shm/servers.h"

/*
 * The connections of a worker to all its servers.  Each client needs one at most, so when there are
 * as many as clients may come the one that has been idle longest gives way to a new one: else idle
 * ones to many servers would take all descriptors.
 */
struct server_pool {
	unsigned max;				/* connections; 0: any number */
	unsigned n;				/* idle ones too */
	struct link idle;			/* the last used last */
};

struct server {
	const struct conf_backend *backend;
	struct server_pool *pool;
	struct shm_server *shared;
	uint32_t slot;
	uint32_t serial;			/* of the slot */
	uint64_t id;				/* as in the slot */
	int worker;				/* slot of this worker */
	struct str host_field;			/* for host_header = server */
	bool https;
	bool usable;				/* gets requests: idle connections are kept */
	struct metrics_cell *cell;
	struct loop *loop;
	struct str addr_text;			/* for logs */
	char text[ADDR_TEXT];
	struct tls_client *const *tls;		/* the backend's; changes with its certificate */
	struct h1_back_owner owner;
	struct link idle;			/* connections, the last used first */
	unsigned nidle;
	unsigned nconnections;			/* idle ones too */
	unsigned nplaces;			/* that this worker has taken */
	msec warned_ms;				/* see log_once_a_second() */
	bool listed;				/* in the list of its backend */
};

/* Makes the worker's view of a member.  `*tls` is asked for each new connection to an https
 * server. */
struct server *server_new(const struct conf_backend *backend, const struct shm_member *member,
    struct shm_server *shared, struct metrics_cell *cell, struct loop *loop, int worker,
    struct server_pool *pool, struct tls_client *const *tls);

/* Closes the idle connections and frees; no stream may be open. */
void server_free(struct server *s);

/* Closes the idle connections. */
void server_drop_idle(struct server *s);

/*
 * A stream to the server: on an idle connection that has waited at most `max_idle_ms`, else on a
 * new one.  See h1_back.h for what the caller fills in.  NULL with errno when none can be opened.
 */
struct back_stream *server_open(struct server *s, const struct back_limits *limits,
    msec max_idle_ms);

#endif
