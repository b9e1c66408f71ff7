/*
 * mem.h - allocation that does not fail.
 *
 * What usherd allocates is bounded by its configuration (connections, buffers, queues).  When the
 * system has no memory for it all the same, no caller could do better than the process as a whole:
 * it logs the size and exits with MEM_EXIT, and the master replaces the worker.
 */
#ifndef USHERD_BASE_MEM_H
#define USHERD_BASE_MEM_H

#include <stddef.h>

enum { MEM_EXIT = 71 };		/* exit status of a process that found no memory */
enum { MEM_LINE = 64 };		/* bytes of a cache line */

/* Under a sanitizer nothing is pooled: each allocation is a malloc of its own, so misuse shows. */
#ifdef USHERD_SAN
enum { MEM_CHECKED = 1 };
#else
enum { MEM_CHECKED = 0 };
#endif

/* `n` bytes, uninitialised; the caller owns them and ends them with mem_free(). */
void *mem_alloc(size_t n) __attribute__((malloc, returns_nonnull, alloc_size(1)));

/* `count` times `n` bytes of zeroes; an overflow of the product counts as no memory. */
void *mem_zalloc(size_t count, size_t n) __attribute__((malloc, returns_nonnull));

/* The same, beginning with a cache line; much of it in huge pages, if there are some. */
void *mem_zalloc_lines(size_t count, size_t n) __attribute__((malloc, returns_nonnull));

/* Grows or shrinks `p` (may be NULL) to `count` times `n` bytes. */
void *mem_realloc(void *p, size_t count, size_t n) __attribute__((returns_nonnull));

/* A copy of the C string. */
char *mem_strdup(const char *s) __attribute__((malloc, returns_nonnull));

/* A NUL-terminated copy of `n` bytes. */
char *mem_strndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));

/* Frees; NULL is fine. */
void mem_free(void *p);

/*
 * Gives memory that was freed back to the system, if it became much more since the last time; for a
 * process after a flood, at most every few seconds.
 */
void mem_trim(void);

/* One zeroed structure of the type. */
#define MEM_NEW(type)	((type *)mem_zalloc(1, sizeof(type)))

#endif
