/*
 * count.c - what the program does, counted while it runs, for t/steps.t.
 *
 * Linked into a build of usherd in which the compiler calls __sanitizer_cov_trace_pc() in every
 * basic block and nothing is pooled, so that each allocation of an arena is a malloc().  The linker
 * leads the functions of libc that walk over many bytes through here.  The counters of the workers
 * are in the file that USHERD_STEPS names, apart from those of the master.
 */
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BYTES_A_STEP = 16 };		/* what libc does with bytes at once */

struct counters {
	uint64_t steps;
	uint64_t allocations;
	uint64_t allocated;		/* bytes, all together */
	uint64_t held;			/* bytes now */
	uint64_t most_held;
};

static struct counters unseen;
static struct counters *shared, *now = &unseen;

static void
in_child(void)
{
	now = shared;
}

static __attribute__((constructor)) void
start(void)
{
	const char *path = getenv("USHERD_STEPS");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (shared != MAP_FAILED)
		pthread_atfork(NULL, NULL, in_child);
}

void __sanitizer_cov_trace_pc(void);

void
__sanitizer_cov_trace_pc(void)
{
	now->steps++;
}

static inline void
walked(size_t n)
{
	now->steps += 1 + n / BYTES_A_STEP;
}

static void *
taken(void *p)
{
	if (p == NULL)
		return p;
	now->allocations++;
	now->allocated += malloc_usable_size(p);
	now->held += malloc_usable_size(p);
	if (now->held > now->most_held)
		now->most_held = now->held;
	return p;
}

#define WRAP(type, name, ...) \
	type __real_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__)

WRAP(void *, malloc, size_t n)
{
	return taken(__real_malloc(n));
}

WRAP(void *, calloc, size_t count, size_t n)
{
	walked(count * n);
	return taken(__real_calloc(count, n));
}

WRAP(void *, reallocarray, void *p, size_t count, size_t n)
{
	walked(p != NULL ? malloc_usable_size(p) : 0);
	now->held -= p != NULL ? malloc_usable_size(p) : 0;
	return taken(__real_reallocarray(p, count, n));
}

WRAP(void, free, void *p)
{
	now->held -= p != NULL ? malloc_usable_size(p) : 0;
	__real_free(p);
}

WRAP(void *, memcpy, void *to, const void *from, size_t n)
{
	walked(n);
	return __real_memcpy(to, from, n);
}

WRAP(void *, memmove, void *to, const void *from, size_t n)
{
	walked(n);
	return __real_memmove(to, from, n);
}

WRAP(void *, memset, void *to, int c, size_t n)
{
	walked(n);
	return __real_memset(to, c, n);
}

WRAP(int, memcmp, const void *a, const void *b, size_t n)
{
	walked(n);
	return __real_memcmp(a, b, n);
}

WRAP(void *, memchr, const void *p, int c, size_t n)
{
	void *at = __real_memchr(p, c, n);

	walked(at != NULL ? (size_t)((const char *)at - (const char *)p) : n);
	return at;
}

WRAP(size_t, strlen, const char *s)
{
	size_t n = __real_strlen(s);

	walked(n);
	return n;
}

WRAP(int, vsnprintf, char *to, size_t room, const char *fmt, va_list ap)
{
	int n = __real_vsnprintf(to, room, fmt, ap);

	walked(n > 0 ? (size_t)n : 0);
	return n;
}
