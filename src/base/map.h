/*
 * map.h - a hash table from text to pointers (open addressing, no removal).
 *
 * For tables that are built once and then only read: hosts, names of objects, variables.
 */
#ifndef USHERD_BASE_MAP_H
#define USHERD_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct map_slot {
	struct str key;
	void *value;
	uint64_t hash;
};

struct map {
	struct map_slot *slots;
	size_t mask;		/* number of slots - 1; 0 while empty */
	size_t count;
};

/* An empty map; all-zero is one too. */
void map_init(struct map *m);
void map_fini(struct map *m);

/*
 * Adds `value` (not NULL) under `key`, whose bytes must outlive the map; keys compare exactly.
 * Returns the value that stood there before, which stays, or NULL after adding.
 */
void *map_add(struct map *m, struct str key, void *value);

/* The value of `key`, or NULL. */
void *map_get(const struct map *m, struct str key);

#endif
