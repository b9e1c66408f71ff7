/*
 * host_map.h - from the name in a Host field to the [host] sections that have it.
 *
 * Names are exact, or wildcards such as *.example.com, which stand for any name below.  A [host]
 * may be bound to some listeners, so the same name can mean different things on two of them.
 * Hosts are told by their index in the snapshot: looking one up touches nothing but the map.
 */
#ifndef USHERD_PROXY_ROUTE_HOST_MAP_H
#define USHERD_PROXY_ROUTE_HOST_MAP_H

#include "conf/snapshot.h"

enum { HOST_NONE = -1 };

struct host_map;

/* Compiles the names of all hosts; the map does not refer to the snapshot. */
struct host_map *host_map_new(const struct conf_snapshot *snapshot);
void host_map_free(struct host_map *m);

/* The host that has this very name on the listener, or HOST_NONE.  `name` is in lower case. */
int host_map_exact(const struct host_map *m, const struct conf_listen *listen, struct str name);

/*
 * The next host with a wildcard that covers `name`, the longest wildcard first, or HOST_NONE.
 * `*rest` is the state of the search: `name` itself at the start.
 */
int host_map_wildcard(const struct host_map *m, const struct conf_listen *listen,
    struct str *rest);

#endif
