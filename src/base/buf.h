/*
 * buf.h - a growing byte buffer for text that is built piece by piece.
 */
#ifndef USHERD_BASE_BUF_H
#define USHERD_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

#include "base/str.h"

struct buf {
	char *p;
	size_t n;		/* bytes used */
	size_t cap;
};

/* All-zero is an empty buffer too. */
static inline void
buf_init(struct buf *b)
{
	*b = (struct buf){ NULL, 0, 0 };
}

/* Frees the memory and leaves an empty buffer. */
void buf_fini(struct buf *b);

/* Room for `n` more bytes; the place to write them, to be followed by b->n += what was used. */
char *buf_room(struct buf *b, size_t n);

void buf_add(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, struct str s);
void buf_cstr(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_uint(struct buf *b, uint64_t v);	/* decimal */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* The bytes so far. */
static inline struct str
buf_view(const struct buf *b)
{
	return (struct str){ b->p, b->n };
}

/* NUL-terminates (not counted in n) and returns the text; owned by the buffer. */
char *buf_text(struct buf *b);

/* Writes `v` in decimal at `p` (room for 20 bytes); returns the number of bytes. */
size_t fmt_uint(char *p, uint64_t v);

/* Writes `v` in lower-case hexadecimal (room for 16 bytes); returns the number of bytes. */
size_t fmt_hex(char *p, uint64_t v);

/*
 * Appends `s` as a JSON string with its quotes.  Bytes that are no UTF-8 become U+FFFD, so the
 * result is always valid JSON (RFC 8259).
 */
void buf_json(struct buf *b, struct str s);

#endif
