/*
 * match.h - the conditions of a route but those that the router's tables answer.
 */
#ifndef USHERD_PROXY_ROUTE_MATCH_H
#define USHERD_PROXY_ROUTE_MATCH_H

#include "conf/snapshot.h"
#include "http/message.h"

struct regex;

enum match_result {
	MATCH_NO,
	MATCH_YES,
	MATCH_BUT_METHOD,		/* all hold but the method */
	MATCH_LIMIT,			/* a pattern ran into its match limit */
};

/* True if match_conditions() has anything to look at. */
bool match_is_needed(const struct conf_route *route);

/* What conditions are held against. */
struct match_subject {
	const struct request *request;
	const struct ip_port *client;
	struct str *groups;		/* room for what a pattern's groups took, for the router's
					 * largest pattern */
	const struct regex *pattern;	/* set to the one of path_regex that matched */
};

/*
 * Method, header, query, cookie, client and path_regex of a route, whose compiled patterns are
 * `regexes`.  Hosts and paths are not looked at.
 */
enum match_result match_conditions(const struct conf_route *route, struct regex *const *regexes,
    struct match_subject *subject);

/* True if one of the route's paths covers the normalised path, or it has none. */
bool match_paths(const struct conf_route *route, struct str path);

#endif
