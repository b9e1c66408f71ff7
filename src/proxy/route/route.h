/*
 * route.h - which host and route serve a request: the choice rule of usherd.ini(5).
 *
 * Compiled once: a hash for host names, a trie for path prefixes, so that the cost of a choice does
 * not grow with their number.
 */
#ifndef USHERD_PROXY_ROUTE_H
#define USHERD_PROXY_ROUTE_H

#include "base/mem.h"
#include "conf/snapshot.h"
#include "http/message.h"
#include "proxy/text/captures.h"

struct metrics;
struct regex;
struct rewrite_rules;
struct router;
struct template;

/*
 * A compiled route, on one cache line: among very many, a line that is not in cache costs a request
 * more than all that it computes to find its route.  So what most requests need of the snapshot's
 * route is repeated here.
 */
struct route {
	const struct conf_route *conf;
	const struct conf_policy *policy;
	const struct conf_backend *backend;	/* with ACTION_BACKEND and ACTION_BUCKET */
	struct template *text;		/* of the action: the URL of a redirect, the text of a
					 * response, the key of a split; NULL: none */
	struct rewrite_rules *rewrites;	/* NULL: none */
	struct regex **regexes;		/* of path_regex; NULL: none */
	uint32_t cell;			/* of its metrics, see metrics_place() */
	unsigned char action;		/* enum conf_action */
	bool conditional;		/* there is more to check than host and path */
	bool moves;			/* rewrite_is_needed() */
} __attribute__((aligned(MEM_LINE)));

enum route_result {
	ROUTE_FOUND,
	ROUTE_NO_HOST,			/* 421 */
	ROUTE_NO_ROUTE,			/* 404 */
	ROUTE_NO_METHOD,		/* 405: only the method condition failed */
};

struct route_choice {
	const struct conf_host *host;	/* NULL: no [host] exists, or none matched */
	bool redirect_https;		/* of the host */
	const struct route *route;	/* with ROUTE_FOUND */
	struct captured captured;	/* with ROUTE_FOUND: by its path_regex; in arena */
	struct str allow;		/* with ROUTE_NO_METHOD: for the Allow field, in arena */
	bool regex_limit;		/* a pattern ran into its match limit: 500 */
};

/*
 * NULL after errors.  The snapshot must outlive it.  `names` (NULL: nobody needs them) gets the
 * names of the groups of all patterns.
 */
struct router *router_new(const struct conf_snapshot *snapshot, struct capture_names *names,
    struct conf_errors *errors);
void router_free(struct router *r);

/* Says where routes count their requests: rows of metrics by route index. */
void router_set_metrics(struct router *r, const struct metrics *metrics, const uint32_t *rows);

/* Chooses; `arena` takes the few strings that are made. */
enum route_result router_find(const struct router *r, const struct conf_listen *listen,
    const struct request *request, const struct ip_port *client, struct arena *arena,
    struct route_choice *choice);

/* The same as if the route `except` did not exist. */
enum route_result router_find_without(const struct router *r, const struct conf_listen *listen,
    const struct request *request, const struct ip_port *client, const struct route *except,
    struct arena *arena, struct route_choice *choice);

/* The compiled form of a snapshot route, by its index. */
const struct route *router_route(const struct router *r, unsigned index);

#endif
