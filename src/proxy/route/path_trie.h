/*
 * path_trie.h - routes by the segments of their paths.
 *
 *	exact  /          root ─► ""
 *	prefix /api/v1    root ─► "api" ─► "v1"
 *	exact  /api/v1/   root ─► "api" ─► "v1" ─► ""
 *
 * All roots of a router share one hash table of (parent, segment), so that a node costs the same
 * few words whether it has one child or ten thousand, and a host with a single route one node.
 */
#ifndef USHERD_PROXY_ROUTE_PATH_TRIE_H
#define USHERD_PROXY_ROUTE_PATH_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct route;

/*
 * A list of routes to try, best first; `route` is NULL in an empty one.  Most have one route, which
 * stands where the list does.
 */
struct candidates {
	const struct route *route;
	struct candidates *next;
};

/* The text of its segment follows a node, as a rule on the same cache line. */
struct path_node {
	struct candidates exact;	/* routes for this very path */
	struct candidates prefix;	/* routes for this path and all below it */
	const struct path_node *parent;	/* NULL: a root */
	uint32_t length;		/* of the segment */
	bool has_children;
};

/* The hash stands with the slot, so that a walk reads no nodes but those on its way. */
struct path_slot {
	struct path_node *node;		/* NULL: free */
	uint32_t hash;
};

struct path_trie {
	struct arena *arena;		/* where nodes live */
	char *lines;			/* room for the next ones, whole cache lines */
	size_t room;			/* in bytes */
	struct path_slot *slots;
	size_t nslots;			/* a power of two, or 0 */
	size_t count;
};

/* An empty trie whose nodes live in `arena`. */
void path_trie_init(struct path_trie *t, struct arena *arena);

/* Ends the table; nodes go with their arena. */
void path_trie_fini(struct path_trie *t);

/* The node of a normalised path below `root`, made if there is none; "" is the root itself.  A root
 * is a zeroed node of the caller's. */
struct path_node *path_trie_add(struct path_trie *t, struct path_node *root, struct str path);

/*
 * The deepest node on the way of a normalised path; `*whole` says whether it is the path's own.
 * Its parents lead to the shorter prefixes.  A path without a leading slash (`*`) ends at the root.
 */
const struct path_node *path_trie_walk(const struct path_trie *t, const struct path_node *root,
    struct str path, bool *whole);

#endif
