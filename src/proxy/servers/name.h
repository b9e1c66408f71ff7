/*
 * name.h - one name that is followed: asked again when its TTL is over, sooner after failures.
 *
 *	name_new() ─► asks ─► answer ─► event ─► waits for TTL, `resolve`, or a retry ─► asks ...
 *
 * What was found stays while lookups fail.  Only a definite answer, that there is nothing, takes it
 * away, and only when it came twice in a row: servers of a zone may disagree for a moment.
 */
#ifndef USHERD_PROXY_SERVERS_NAME_H
#define USHERD_PROXY_SERVERS_NAME_H

#include "base/list.h"
#include "net/loop.h"
#include "net/resolver.h"

struct name;

/* What all names have in common. */
struct name_env {
	struct loop *loop;
	/* Called from the loop after an answer.  `changed`: there are other records than before;
	 * `complete`: it was the last of the first answers. */
	void (*answered)(void *arg, struct name *name, bool changed, bool complete);
	void *arg;
};

enum name_state {
	NAME_UNKNOWN,			/* not all answers have come */
	NAME_GOOD,
	NAME_STALE,			/* has records, but lookups fail */
	NAME_EMPTY,
};

/* A or AAAA or SRV. */
struct question {
	struct resolver_query query;
	struct name *name;
	enum resolver_type type;
	struct timer again;
	bool answered;
	bool good;			/* what is known is what lookups say */
	unsigned nothings;		/* definite answers that there is nothing, in a row */
	msec delay_ms;			/* to the next try after a failure */
	msec answered_ms;		/* when the last answer came */
	const char *why;		/* unless good */
	unsigned n;			/* records that count now, sorted, each once */
	struct addr *addrs;
	struct dns_srv *services;	/* best priority first */
};

struct name {
	struct link link;		/* of its owner */
	const struct name_env *env;
	struct resolver *resolver;	/* who is asked the next time; the owner's */
	char *text;			/* with `srv:` before it if it is one of services */
	bool direct;			/* a server line has it; the owner's */
	bool used;			/* that, or a service points to it; the owner's */
	bool told_many;			/* that not all of its addresses are used; the owner's */
	enum name_state state;
	msec resolve_ms;		/* asked again after at most this; CONF_OFF: any time */
	unsigned nquestions;
	struct question questions[2];
};

/* Follows a name from now on; `text` may begin with `srv:`. */
struct name *name_new(const struct name_env *env, struct resolver *resolver, struct str text);
void name_free(struct name *name);

bool name_is_srv(const struct name *name);

/* Changes how long an answer counts at most. */
void name_set_resolve(struct name *name, msec resolve_ms);

/* Asks at once, instead of later, where the last answer was no good one. */
void name_retry(struct name *name);

#endif
