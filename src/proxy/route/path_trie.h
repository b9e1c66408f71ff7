/*
 * path_trie.h - routes by the segments of their paths.
 *
 *	exact  /          root ─► ""
 *	prefix /api/v1    root ─► "api" ─► "v1"
 *	exact  /api/v1/   root ─► "api" ─► "v1" ─► ""
 *
 * All nodes of a router, of however many roots, stand in one hash table by parent and segment: a
 * step costs one cache line whether there is one child or ten thousand.  The table grows with the
 * nodes that there are, however many paths share them: adding a path may move them all.  Roots are
 * numbers; what they lead to is the caller's.
 */
#ifndef USHERD_PROXY_ROUTE_PATH_TRIE_H
#define USHERD_PROXY_ROUTE_PATH_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/mem.h"
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

enum { PATH_NODE_TEXT = 16 };		/* a longer segment stands elsewhere */

struct path_node {
	struct candidates exact;	/* routes for this very path */
	struct candidates prefix;	/* routes for this path and all below it */
	uint32_t parent;		/* see path_trie_parent() */
	uint32_t hash;			/* of all segments from the root on */
	uint32_t length;		/* of the segment */
	bool used;			/* the slot has a node */
	bool has_children;
	union {
		char text[PATH_NODE_TEXT];
		const char *p;
	} segment;
} __attribute__((aligned(MEM_LINE)));

struct path_trie {
	struct path_node *nodes;
	size_t nslots;			/* a power of two, at least twice the nodes */
	size_t nnodes;
	uint32_t nroots;
	struct arena *arena;		/* for long segments */
};

/* An empty trie with the roots 0 to `nroots` - 1. */
void path_trie_init(struct path_trie *t, uint32_t nroots, struct arena *arena);
void path_trie_fini(struct path_trie *t);

/*
 * The node of a normalised path below a root, made if there is none; NULL for "", the root.  It
 * stays where it is until the next call.
 */
struct path_node *path_trie_add(struct path_trie *t, uint32_t root, struct str path);

/*
 * The deepest node on the way of a normalised path, NULL if none is; `*whole` says whether it is
 * the path's own.  Its parents lead to the shorter prefixes.  A path without a leading slash (`*`)
 * has no node.
 */
const struct path_node *path_trie_walk(const struct path_trie *t, uint32_t root, struct str path,
    bool *whole);

/* The node above; NULL: that is the root. */
const struct path_node *path_trie_parent(const struct path_trie *t, const struct path_node *node);

#endif
