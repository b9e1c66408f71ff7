/*
 * map.c - a hash table from text to pointers (open addressing, no removal).
 */
#include "base/map.h"

#include "base/check.h"
#include "base/mem.h"

enum { SLOTS_MIN = 8 };

void
map_init(struct map *m)
{
	*m = (struct map){ NULL, 0, 0 };
}

void
map_fini(struct map *m)
{
	mem_free(m->slots);
	map_init(m);
}

/* The slot of `key`, or the free one where it belongs; there is always a free one. */
static struct map_slot *
find(const struct map *m, struct str key, uint64_t hash)
{
	size_t i = hash & m->mask;

	while (m->slots[i].value != NULL &&
	    (m->slots[i].hash != hash || !str_eq(m->slots[i].key, key)))
		i = (i + 1) & m->mask;
	return &m->slots[i];
}

/* Twice the slots. */
static void
grow(struct map *m)
{
	struct map old = *m;
	size_t slots = old.slots != NULL ? (old.mask + 1) * 2 : SLOTS_MIN;

	m->slots = mem_zalloc(slots, sizeof(*m->slots));
	m->mask = slots - 1;
	for (size_t i = 0; old.slots != NULL && i <= old.mask; i++)
		if (old.slots[i].value != NULL)
			*find(m, old.slots[i].key, old.slots[i].hash) = old.slots[i];
	mem_free(old.slots);
}

void *
map_add(struct map *m, struct str key, void *value)
{
	uint64_t hash = str_hash(key, 0);
	struct map_slot *slot;

	CHECK(value != NULL);
	if (m->slots == NULL || m->count > m->mask / 2)
		grow(m);
	slot = find(m, key, hash);
	if (slot->value != NULL)
		return slot->value;
	*slot = (struct map_slot){ key, value, hash };
	m->count++;
	return NULL;
}

void *
map_get(const struct map *m, struct str key)
{
	if (m->slots == NULL)
		return NULL;
	return find(m, key, str_hash(key, 0))->value;
}
