/*
 * rewrite.h - the path and query that go to the server: strip_prefix, rewrite, add_prefix.
 *
 *	/api/old/7?q ─ strip_prefix = /api ─► /old/7 ─ rewrite = ^/old/(\d+)$ /new?id=$1 ─►
 *	/new?id=7 ─ add_prefix = /v2 ─► /v2/new?id=7
 */
#ifndef USHERD_PROXY_ROUTE_REWRITE_H
#define USHERD_PROXY_ROUTE_REWRITE_H

#include "conf/snapshot.h"
#include "proxy/exchange.h"

struct rewrite_rules;

/*
 * Compiles the rules of a route, which must outlive the result; NULL after errors, and without
 * rules.  Replacements may use `names`, to which the names of the rules' own groups are added.
 * rewrite_rules_free() ends it.
 */
struct rewrite_rules *rewrite_rules_new(const struct conf_route *route,
    struct capture_names *names, struct conf_errors *errors);
void rewrite_rules_free(struct rewrite_rules *rules);

/* Whether paths that the route takes change on their way. */
bool rewrite_is_needed(const struct conf_route *route);

enum rewrite_result {
	REWRITE_OK,
	REWRITE_LIMIT,			/* a pattern ran into its limit of work: 500 */
	REWRITE_BAD_PATH,		/* the result is no path that may be asked for: 400 */
	REWRITE_DOTS,			/* dots that servers could resolve in another way: 400 */
};

/*
 * Fills x->uri, the target to forward, and x->path, its path as routes compare paths.
 *
 * Without any change the target is the client's own, byte for byte; but where servers could be led
 * by its dot segments to another path than the one that the route was chosen by, it is refused,
 * unless the policy has `encoded_dots = pass`.
 *
 * A changed target is made from the normalised path, so that dot segments and doubled slashes
 * cannot lead anywhere that the route did not mean; what a path cannot hold is percent-encoded
 * again.  What a pattern captured or a variable held never makes a dot segment or begins the query.
 * The query of the client stays, unless the replacement has one.
 */
enum rewrite_result rewrite_uri(struct exchange *x);

#endif
