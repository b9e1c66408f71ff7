/*
 * resolver.h - questions to name servers, answered by the event loop; c-ares does the work.
 *
 *	resolver_ask() ─► waits its turn ─► /etc/hosts ─► name servers ─► q->done()
 *
 * Nothing blocks but the reading of local files.  Some dozens of questions are on their way at a
 * time, however many are asked.
 */
#ifndef USHERD_NET_RESOLVER_H
#define USHERD_NET_RESOLVER_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/list.h"
#include "net/dns_srv.h"
#include "net/loop.h"

enum { RESOLVER_RECORDS = 512 };	/* of one answer at most; what is more is left out */

struct resolver;

enum resolver_type {
	RESOLVER_A,
	RESOLVER_AAAA,
	RESOLVER_SRV,
};

enum resolver_status {
	RESOLVER_FOUND,			/* with one record at least */
	RESOLVER_NONE,			/* there is no such name, or no record of this type */
	RESOLVER_FAILED,		/* no answer, or none that says anything */
};

struct resolver_answer {
	enum resolver_status status;
	const char *why;		/* unless FOUND: words for a log line */
	uint32_t ttl_s;			/* with FOUND */
	unsigned n;
	const struct addr *addrs;	/* A, AAAA: without a port, nor zone */
	const struct dns_srv *services;	/* SRV */
};

/* One question; memory of the asker. */
struct resolver_query {
	struct link link;
	enum resolver_type type;
	const char *name;		/* stays until `done` or resolver_cancel() */
	/* The answer lives for the call; `q` is free for the next question. */
	void (*done)(struct resolver_query *q, const struct resolver_answer *answer);
	void *job;			/* the resolver's own; NULL: not asked, or still waiting */
};

/* NULL after an error line. */
struct resolver *resolver_new(struct loop *loop);

/* Queries that are under way get no answer; their memory is not touched any more. */
void resolver_free(struct resolver *r);

/* The version of c-ares, for -V. */
const char *resolver_library(void);

/*
 * Asks these name servers from now on; n == 0: those of /etc/resolv.conf, which is read anew when
 * it changed.  Search domains and options come from there in any case.
 */
void resolver_use(struct resolver *r, const struct addr *servers, unsigned n);

/* True if these are asked already. */
bool resolver_uses(const struct resolver *r, const struct addr *servers, unsigned n);

/* Prepares a query that is not asked. */
void resolver_query_init(struct resolver_query *q);

/*
 * Asks; `q` must not be under way.  Exactly one `done` follows, from the loop and never from within
 * this call, unless the query is cancelled.  A name in /etc/hosts has the addresses given there,
 * and no others: name servers are not asked about it.
 */
void resolver_ask(struct resolver *r, struct resolver_query *q, enum resolver_type type,
    const char *name);

/* No `done` will follow; no-op for a query that is not under way. */
void resolver_cancel(struct resolver_query *q);

#endif
