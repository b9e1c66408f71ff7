/*
 * backend.h - a named group of servers as a worker sees it: who is in it, and whose turn it is.
 *
 *	shm list, epoch ──► view: who can be used, with what weight ──► balance ──► a place
 *
 * The view is made anew when the list, the epoch of the group or the time (an ejection that ends, a
 * slow start) says so; a choice takes no lock and makes no system call.
 */
#ifndef USHERD_PROXY_BALANCE_BACKEND_H
#define USHERD_PROXY_BALANCE_BACKEND_H

#include "proxy/balance/queue.h"
#include "proxy/balance/server.h"
#include "shm/core.h"

struct backend;

enum { BACKEND_TRIED_MAX = 16 };

/* The servers that a request has been sent to already. */
struct backend_tried {
	uint64_t v[BACKEND_TRIED_MAX];	/* their ids; a server may be gone meanwhile */
	unsigned n;
};

struct backend_env {
	struct loop *loop;
	struct shm_servers *servers;
	struct shm_core *core;
	struct metrics *metrics;
	int worker;			/* slot of this worker */
	struct tls_client *const *tls;	/* of the proxy, by index of the backend */
	struct server_pool *pool;	/* of this worker */
	struct link *queues;		/* those of it that are in use */
};

/* What a choice may depend on. */
struct backend_request {
	uint64_t hash;			/* of the key of BALANCE_HASH and BALANCE_IP_HASH */
	uint64_t sticky;		/* id of the server that it belongs to; 0: none */
	struct backend_tried tried;
};

/* Why there is no server for a request. */
enum backend_refusal {
	BACKEND_FULL,			/* those that are up have no place */
	BACKEND_TRIED,			/* those that are up have been tried */
	BACKEND_DOWN,			/* none is up */
};

/* How an attempt ended, for passive checks. */
enum backend_outcome {
	OUTCOME_NEUTRAL,		/* says nothing: the client left, or a kept connection had
					 * been closed */
	OUTCOME_GOOD,			/* a response that is no 502, 503, 504, and broke off only
					 * if the client did */
	OUTCOME_BAD,			/* connect error, reset, timeout, garbage, 502, 503, 504 */
};

/* `members` is the list in shared memory that says who belongs to it. */
struct backend *backend_new(const struct conf_backend *conf, struct shm_members *members,
    uint32_t metric_row, const struct backend_env *env);
void backend_free(struct backend *b);

/* The hash of a text, or of a client's address (all of IPv4, /64 of IPv6), for `hash` above. */
uint64_t backend_hash_text(struct str text);
uint64_t backend_hash_client(const struct ip_port *client);

/*
 * Picks the server for a request and takes a place in it: that of `sticky` if it can be used (also
 * while it drains) and has not been tried; else one that is up, has a place free, and has not been
 * tried, as `balance` says; a backup only when no other is up, or when the request was tried
 * elsewhere and no other has a place for it.  With all_down = try_all those that checks or
 * ejections took out are used when nobody is left.  NULL with `*why` if there is none.
 */
struct server *backend_take(struct backend *b, const struct backend_request *r,
    enum backend_refusal *why);

/* Whether a server is up, with a place or without, that the request has not been sent to. */
bool backend_has_untried(struct backend *b, const struct backend_request *r);

/* Gives the place back when the request is over, and lets the next one have it that waits. */
void backend_give(struct backend *b, struct server *s);

/* A response that is not bad began after this time, for least_time. */
void backend_first_byte(struct backend *b, struct server *s, int64_t us);

/* Tells, before the place is given back, how an attempt ended: counts towards an ejection, which
 * all workers see at once. */
void backend_report(struct backend *b, struct server *s, enum backend_outcome outcome);

/* Something may have changed (this worker's eventfd): looks again, drops idle connections to
 * servers that are down, and lets those that wait try. */
void backend_look(struct backend *b);

struct queue *backend_queue(struct backend *b);
struct metrics_cell *backend_cell(const struct backend *b);

#endif
