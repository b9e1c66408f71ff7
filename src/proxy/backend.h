/*
 * backend.h - a named group of servers as a worker sees it: who is in it, and whose turn it is.
 */
#ifndef USHERD_PROXY_BACKEND_H
#define USHERD_PROXY_BACKEND_H

#include "proxy/server.h"
#include "shm/core.h"

struct backend;

enum { BACKEND_TRIED_MAX = 16 };

/* The servers that a request has been sent to already. */
struct backend_tried {
	const struct server *v[BACKEND_TRIED_MAX];
	unsigned n;
};

struct backend_env {
	struct loop *loop;
	struct shm_servers *servers;
	struct metrics *metrics;
	int worker;			/* slot of this worker */
	struct tls_client *const *tls;	/* of the proxy, by index of the backend */
};

/* `members` is the list in shared memory that says who belongs to it. */
struct backend *backend_new(const struct conf_backend *conf, struct shm_members *members,
    uint32_t metric_row, const struct backend_env *env);
void backend_free(struct backend *b);

/*
 * Picks the server for a request and takes a place in it: one that is up, has a place free, and has
 * not been tried; a backup only when no other can be used; one that has been tried only when all
 * have.  NULL if there is none.
 */
struct server *backend_take(struct backend *b, const struct backend_tried *tried);

/* Gives the place back when the request is over. */
void backend_give(struct backend *b, struct server *s);

struct metrics_cell *backend_cell(const struct backend *b);

#endif
