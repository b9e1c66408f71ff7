/*
 * tls_memory.c - where OpenSSL's objects come from: free lists by size.
 *
 * A handshake takes and frees 840 objects, many more of a size at once than malloc() keeps at hand
 * for the next call.  There are no threads, so no lock either.
 */
#include "net/tls_memory.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum {
	STEP = 16,
	SMALL = 1024,			/* sizes up to that are multiples of STEP, */
	LARGE_STEP = 1024,
	LARGE = 32 * 1024,		/* and up to that of LARGE_STEP */
	LISTS = SMALL / STEP + LARGE / LARGE_STEP + 1,
	KEPT_BYTES = 512 * 1024,	/* free objects, all together */
};

static struct object {
	struct object *next;
} *lists[LISTS];
static size_t kept;

/* The list of objects that have at least `size` bytes; 0: none. */
static size_t
list_of(size_t size)
{
	if (size <= SMALL)
		return size / STEP;
	return size <= LARGE ? SMALL / STEP + size / LARGE_STEP : 0;
}

static void *
take(size_t n, const char *file, int line)
{
	size_t step = n <= SMALL ? STEP : LARGE_STEP, size, list;
	struct object *o;

	(void)file;
	(void)line;
	if (unlikely(n == 0))
		return NULL;
	if (unlikely(n > LARGE))
		return malloc(n);
	size = (n + step - 1) / step * step;
	list = list_of(size);
	o = lists[list];
	if (o == NULL)
		return malloc(size);
	lists[list] = o->next;
	kept -= size;
	return o;
}

static void
give(void *p, const char *file, int line)
{
	struct object *o = p;
	size_t size, list;

	(void)file;
	(void)line;
	if (p == NULL)
		return;
	size = malloc_usable_size(p);
	size -= size % (size < SMALL + STEP ? STEP : LARGE_STEP);
	list = list_of(size);
	if (unlikely(list == 0 || kept + size > KEPT_BYTES)) {
		free(p);
		return;
	}
	kept += size;
	o->next = lists[list];
	lists[list] = o;
}

static void *
resize(void *p, size_t n, const char *file, int line)
{
	size_t had = p != NULL ? malloc_usable_size(p) : 0;
	void *q;

	if (n > 0 && n <= had)
		return p;
	q = take(n, file, line);
	if (n > 0 && q == NULL)
		return NULL;
	if (had > 0 && n > 0)
		memcpy(q, p, had);
	give(p, file, line);
	return q;
}

void
tls_memory_use(void)
{
	if (!MEM_CHECKED)
		(void)CRYPTO_set_mem_functions(take, resize, give);
}
