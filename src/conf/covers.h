/*
 * covers.h - whether one route takes every request that another could take.
 */
#ifndef USHERD_CONF_COVERS_H
#define USHERD_CONF_COVERS_H

#include "conf/snapshot.h"

/*
 * True if, among the routes of one host, `a` is taken for every request that meets the conditions
 * of `b`: by the choice rule of usherd.ini(5).  Hosts are not looked at.  False where that cannot
 * be told, as with patterns that differ.
 */
bool covers_always(const struct conf_route *a, const struct conf_route *b);

/* True if the route has neither conditions besides its hosts nor a path that some request lacks. */
bool covers_all(const struct conf_route *r);

/* True if the route has a pattern that every path matches. */
bool covers_all_by_pattern(const struct conf_route *r);

#endif
