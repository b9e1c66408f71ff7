/*
 * pool.h - a bounded free list of equally sized objects.
 *
 *	static struct pool things = POOL(sizeof(struct thing), 64);
 */
#ifndef USHERD_BASE_POOL_H
#define USHERD_BASE_POOL_H

#include <stddef.h>

#include "base/check.h"
#include "base/mem.h"

struct pool {
	void *first;		/* each free object begins with a pointer to the next */
	size_t size;		/* bytes of an object, at least those of a pointer */
	int count;
	int max;		/* how many free objects are kept; the rest is freed */
};

#define POOL(object_size, kept)	{ NULL, (object_size), 0, MEM_CHECKED ? 0 : (kept) }

/* An object with undefined content. */
static inline __attribute__((returns_nonnull)) void *
pool_take(struct pool *pool)
{
	void *object = pool->first;

	if (unlikely(object == NULL))
		return mem_alloc(pool->size);
	pool->first = *(void **)object;
	pool->count--;
	return object;
}

/* Gives back what pool_take() of the same pool returned. */
static inline void
pool_give(struct pool *pool, void *object)
{
	if (unlikely(pool->count >= pool->max)) {
		mem_free(object);
		return;
	}
	*(void **)object = pool->first;
	pool->first = object;
	pool->count++;
}

#endif
