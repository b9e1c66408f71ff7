/*
 * buf.c - a growing byte buffer for text that is built piece by piece.
 */
#include "base/buf.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

enum { BUF_MIN = 256 };

static const char hex_digits[] = "0123456789abcdef";

void
buf_fini(struct buf *b)
{
	mem_free(b->p);
	buf_init(b);
}

static void
grow(struct buf *b, size_t n)
{
	size_t need = b->n + n, cap = b->cap < BUF_MIN ? BUF_MIN : b->cap * 2;

	if (need < n)
		need = SIZE_MAX;	/* which mem_realloc() refuses as it should */
	b->cap = cap > need ? cap : need;
	b->p = mem_realloc(b->p, b->cap, 1);
}

char *
buf_room(struct buf *b, size_t n)
{
	if (unlikely(b->p == NULL || n > b->cap - b->n))
		grow(b, n);
	return b->p + b->n;
}

void
buf_add(struct buf *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	memcpy(buf_room(b, n), p, n);
	b->n += n;
}

void
buf_str(struct buf *b, struct str s)
{
	buf_add(b, s.p, s.n);
}

void
buf_cstr(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_char(struct buf *b, char c)
{
	*buf_room(b, 1) = c;
	b->n++;
}

void
buf_uint(struct buf *b, uint64_t v)
{
	b->n += fmt_uint(buf_room(b, 20), v);
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	buf_room(b, 1);
	n = vsnprintf(b->p + b->n, b->cap - b->n, fmt, ap);
	CHECK(n >= 0);
	if ((size_t)n >= b->cap - b->n)
		vsnprintf(buf_room(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
	va_end(again);
	b->n += (size_t)n;
}

char *
buf_text(struct buf *b)
{
	*buf_room(b, 1) = '\0';
	return b->p;
}

static size_t
count_digits(uint64_t v)
{
	size_t n = 1;

	for (; v >= 10000; v /= 10000)
		n += 4;
	return n + (v >= 10) + (v >= 100) + (v >= 1000);
}

size_t
fmt_uint(char *p, uint64_t v)
{
	static const char pairs[] =
	    "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
	    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
	    "8081828384858687888990919293949596979899";
	size_t n = count_digits(v);
	char *at = p + n;

	for (; v >= 100; v /= 100)
		memcpy(at -= 2, &pairs[v % 100 * 2], 2);
	if (v >= 10)
		memcpy(at - 2, &pairs[v * 2], 2);
	else
		at[-1] = (char)('0' + v);
	return n;
}

size_t
fmt_hex(char *p, uint64_t v)
{
	size_t n = 1;

	while (n < 16 && v >> (4 * n) != 0)
		n++;
	for (size_t i = n; i-- > 0; v >>= 4)
		p[i] = hex_digits[v & 15];
	return n;
}

/* A byte that cannot stand for itself in a JSON string. */
static void
json_escape(struct buf *b, unsigned char c)
{
	static const char letters[0x20] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
	};

	if (c >= 0x80) {
		buf_cstr(b, "\xef\xbf\xbd");	/* U+FFFD */
		return;
	}
	buf_char(b, '\\');
	if (c >= 0x20) {
		buf_char(b, (char)c);
	} else if (letters[c] != '\0') {
		buf_char(b, letters[c]);
	} else {
		buf_cstr(b, c < 0x10 ? "u000" : "u001");
		buf_char(b, hex_digits[c & 15]);
	}
}

/* ASCII that stands for itself in a JSON string. */
static const bool json_plain[256] = {
	[0x20 ... '"' - 1] = true, ['"' + 1 ... '\\' - 1] = true, ['\\' + 1 ... 0x7f] = true,
};

void
buf_json(struct buf *b, struct str s)
{
	size_t plain = 0, n;

	buf_char(b, '"');
	while (plain < s.n) {
		unsigned char c = (unsigned char)s.p[plain];

		if (json_plain[c]) {
			plain++;
			continue;
		}
		n = c < 0x80 ? 0 : str_utf8(str_skip(s, plain));
		plain += n;
		if (n > 0)
			continue;
		buf_add(b, s.p, plain);
		json_escape(b, c);
		s = str_skip(s, plain + 1);
		plain = 0;
	}
	buf_str(b, s);
	buf_char(b, '"');
}
