/*
 * mem.c - allocation that does not fail.
 */
#include "base/mem.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"

enum {
	HUGE_PAGE = 2 << 20,		/* bytes; asked for, not needed */
	TRIM_BYTES = 8 << 20,		/* of freed memory: less is not worth the system calls */
};

static _Noreturn void
no_memory(size_t n)
{
	log_error("out of memory: no %zu bytes", n);
	_exit(MEM_EXIT);
}

void *
mem_alloc(size_t n)
{
	void *p = malloc(n ? n : 1);

	if (p == NULL)
		no_memory(n);
	return p;
}

void *
mem_zalloc(size_t count, size_t n)
{
	void *p = calloc(count ? count : 1, n ? n : 1);

	if (p == NULL)
		no_memory(n);
	return p;
}

void *
mem_zalloc_lines(size_t count, size_t n)
{
	size_t size, unit;
	void *p;

	if (__builtin_mul_overflow(count ? count : 1, n ? n : 1, &size) ||
	    size > SIZE_MAX - HUGE_PAGE)
		no_memory(SIZE_MAX);
	unit = size < HUGE_PAGE ? MEM_LINE : HUGE_PAGE;
	size = (size + unit - 1) / unit * unit;
	p = aligned_alloc(unit, size);
	if (p == NULL)
		no_memory(size);
	if (unit == HUGE_PAGE)
		(void)madvise(p, size, MADV_HUGEPAGE);
	return memset(p, 0, size);
}

void *
mem_realloc(void *p, size_t count, size_t n)
{
	void *q = reallocarray(p, count ? count : 1, n);

	if (q == NULL)
		no_memory(n);
	return q;
}

char *
mem_strdup(const char *s)
{
	return mem_strndup(s, strlen(s));
}

char *
mem_strndup(const char *s, size_t n)
{
	char *p = mem_alloc(n + 1);

	memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

void
mem_free(void *p)
{
	free(p);
}

void
mem_trim(void)
{
#ifdef __GLIBC__
	static size_t least;		/* free bytes that there were, some given back already */
	size_t now = mallinfo2().fordblks;

	if (now < least)
		least = now;
	if (now - least < TRIM_BYTES)
		return;
	malloc_trim(0);
	least = now;
#endif
}
