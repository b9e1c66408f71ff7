/*
 * arena.h - memory that dies together.
 *
 * Chunks of 4 KiB come from a free list of the process, so an exchange that fits in one costs no
 * malloc.  Under a sanitizer build every allocation is a malloc of its own, so that overruns show.
 */
#ifndef USHERD_BASE_ARENA_H
#define USHERD_BASE_ARENA_H

#include <stddef.h>

#include "base/check.h"
#include "base/str.h"

enum { ARENA_ALIGN = 16 };

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks;	/* newest first */
	char *next;			/* free bytes of the newest chunk */
	char *end;
	size_t bytes;			/* of all chunks */
};

/* An empty arena; takes no memory. */
void arena_init(struct arena *a);

/* What arena_alloc() does when the newest chunk has no room. */
void *arena_alloc_more(struct arena *a, size_t n) __attribute__((returns_nonnull));

/* `n` bytes, aligned to ARENA_ALIGN, uninitialised; they live until arena_fini(). */
static inline __attribute__((returns_nonnull)) void *
arena_alloc(struct arena *a, size_t n)
{
	char *p = a->next;

	/* Rounding up cannot exceed the room, a multiple of the alignment; n - 1 sends 0 to the
	 * slow path, which finds memory for that too. */
	if (unlikely(n - 1 >= (size_t)(a->end - p)))
		return arena_alloc_more(a, n);
	a->next = p + ((n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1));
	return p;
}

/* The same, zeroed. */
void *arena_zalloc(struct arena *a, size_t n) __attribute__((returns_nonnull));

/* A copy of the text, NUL-terminated (the NUL is not counted); an absent one stays absent. */
struct str arena_str(struct arena *a, struct str s);

/* printf into the arena; NUL-terminated. */
struct str arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Releases everything; the arena is empty and usable again. */
void arena_fini(struct arena *a);

#define ARENA_NEW(a, type)	((type *)arena_zalloc((a), sizeof(type)))

#endif
