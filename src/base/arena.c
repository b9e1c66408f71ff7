/*
 * arena.c - memory that dies together.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/pool.h"

struct arena_chunk {
	struct arena_chunk *next;
	size_t room;			/* bytes of data */
	char data[] __attribute__((aligned(ARENA_ALIGN)));
};

enum {
	CHUNK_SIZE = 4096,
	CHUNK_ROOM = CHUNK_SIZE - sizeof(struct arena_chunk),
	CHUNKS_KEPT = 256,
};

static struct pool chunks = POOL(CHUNK_SIZE, CHUNKS_KEPT);

void
arena_init(struct arena *a)
{
	*a = (struct arena){ NULL, NULL, NULL, 0 };
}

/* A chunk for this one allocation, behind the newest so that the rest of that stays in use. */
static void *
alloc_alone(struct arena *a, size_t n)
{
	size_t size = n + sizeof(struct arena_chunk);
	struct arena_chunk *chunk = mem_alloc(size > n ? size : SIZE_MAX);
	struct arena_chunk **at = a->chunks != NULL ? &a->chunks->next : &a->chunks;

	chunk->room = n;
	a->bytes += size;
	chunk->next = *at;
	*at = chunk;
	return chunk->data;
}

void *
arena_alloc_more(struct arena *a, size_t n)
{
	struct arena_chunk *chunk;

	if (n > CHUNK_ROOM || MEM_CHECKED)
		return alloc_alone(a, n);
	chunk = pool_take(&chunks);
	chunk->room = CHUNK_ROOM;
	a->bytes += CHUNK_SIZE;
	chunk->next = a->chunks;
	a->chunks = chunk;
	a->next = chunk->data;
	a->end = chunk->data + CHUNK_ROOM;
	return arena_alloc(a, n > 0 ? n : 1);
}

void *
arena_zalloc(struct arena *a, size_t n)
{
	return memset(arena_alloc(a, n), 0, n);
}

struct str
arena_str(struct arena *a, struct str s)
{
	char *p;

	if (s.p == NULL)
		return s;
	p = arena_alloc(a, s.n + 1);
	memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return str_make(p, s.n);
}

struct str
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	int n;
	char *p;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	CHECK(n >= 0);
	p = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return str_make(p, (size_t)n);
}

void
arena_fini(struct arena *a)
{
	struct arena_chunk *next;

	for (struct arena_chunk *chunk = a->chunks; chunk != NULL; chunk = next) {
		next = chunk->next;
		if (chunk->room == CHUNK_ROOM)
			pool_give(&chunks, chunk);
		else
			mem_free(chunk);
	}
	arena_init(a);
}
