/*
 * check.h - assertions for bugs, compiled in always.
 *
 * CHECK() is for what only a mistake in this program can cause.  Nothing that a peer, a file or
 * the kernel can bring about is a CHECK: that is an `if`.
 */
#ifndef USHERD_BASE_CHECK_H
#define USHERD_BASE_CHECK_H

#include <stddef.h>

/* Logs the place and the broken condition, and aborts. */
_Noreturn void check_failed(const char *file, int line, const char *condition);

#define CHECK(cond) \
	(__builtin_expect(!(cond), 0) ? check_failed(__FILE__, __LINE__, #cond) : (void)0)

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

/* The structure that holds `member` at address `ptr`. */
#define CONTAINER_OF(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#endif
