/*
 * mem.c - allocation that does not fail.
 */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

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
	size_t size;
	void *p = NULL;

	if (!__builtin_mul_overflow(count ? count : 1, n ? n : 1, &size) &&
	    size <= SIZE_MAX - MEM_LINE)
		p = aligned_alloc(MEM_LINE, (size + MEM_LINE - 1) / MEM_LINE * MEM_LINE);
	if (p == NULL)
		no_memory(count * n);
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
