/*
 * escape.c - values from outside made harmless for the text they are put into.
 */
#include "proxy/text/escape.h"

#include <stdint.h>

/* Bytes that must not go as they are into ... */
enum { IN_PLAIN = 1, IN_LOG = 2, IN_HTML = 4, IN_LABEL = 8 };

static const uint8_t special[256] = {
	[0 ... 8] = IN_PLAIN | IN_LOG,
	['\t'] = IN_LOG,
	['\n'] = IN_PLAIN | IN_LOG | IN_LABEL,
	[11 ... 31] = IN_PLAIN | IN_LOG,
	['"'] = IN_LOG | IN_HTML | IN_LABEL,
	['&'] = IN_HTML,
	['\''] = IN_HTML,
	['<'] = IN_HTML,
	['>'] = IN_HTML,
	['\\'] = IN_LOG | IN_LABEL,
	[0x7f] = IN_PLAIN | IN_LOG,
	[0x80 ... 0xff] = IN_LOG,
};

/* Appends the bytes up to the first special one; false at the end of the value. */
static inline bool
copy_run(struct buf *out, struct str *value, uint8_t where)
{
	size_t n = 0;

	while (n < value->n && !(special[(unsigned char)value->p[n]] & where))
		n++;
	buf_add(out, value->p, n);
	*value = str_skip(*value, n);
	return value->n > 0;
}

void
escape_plain(struct buf *out, struct str value)
{
	while (value.n > 0 && copy_run(out, &value, IN_PLAIN))
		value = str_skip(value, 1);
}

void
escape_log(struct buf *out, struct str value)
{
	static const char digits[] = "0123456789abcdef";

	if (value.n == 0)
		buf_char(out, '-');
	while (value.n > 0 && copy_run(out, &value, IN_LOG)) {
		unsigned char c = (unsigned char)value.p[0];
		char hex[4] = { '\\', 'x', digits[c >> 4], digits[c & 15] };

		buf_add(out, hex, sizeof(hex));
		value = str_skip(value, 1);
	}
}

void
escape_json(struct buf *out, struct str value)
{
	size_t start = out->n;

	if (value.n == 0)
		return;
	buf_json(out, value);
	/* Without the quotes around it. */
	out->n -= 2;
	memmove(out->p + start, out->p + start + 1, out->n - start);
}

void
escape_html(struct buf *out, struct str value)
{
	while (value.n > 0 && copy_run(out, &value, IN_HTML)) {
		buf_add(out, "&#", 2);
		buf_uint(out, (unsigned char)value.p[0]);
		buf_char(out, ';');
		value = str_skip(value, 1);
	}
}

void
escape_label(struct buf *out, struct str value)
{
	while (value.n > 0 && copy_run(out, &value, IN_LABEL)) {
		buf_char(out, '\\');
		buf_char(out, value.p[0] == '\n' ? 'n' : value.p[0]);
		value = str_skip(value, 1);
	}
}

/*
 * Bytes that stay as they are: in text that goes into a host, a path or a query, in pieces of a
 * path that are percent-encoded already, and in pieces of any URI.
 */
enum {
	KEEP_HOST = 1,
	KEEP_PATH = 2,
	KEEP_QUERY = 4,
	KEEP_PIECE = 8,
	KEEP_URI = 16,
	KEEP = KEEP_HOST | KEEP_PATH | KEEP_QUERY | KEEP_PIECE | KEEP_URI,
};

static const uint8_t keep[256] = {
	['0' ... '9'] = KEEP,
	['A' ... 'Z'] = KEEP,
	['a' ... 'z'] = KEEP,
	['-'] = KEEP, ['.'] = KEEP, ['_'] = KEEP, ['~'] = KEEP,
	['!'] = KEEP, ['$'] = KEEP, ['\''] = KEEP, ['('] = KEEP, [')'] = KEEP, ['*'] = KEEP,
	[','] = KEEP, [':'] = KEEP, ['@'] = KEEP, ['/'] = KEEP,
	['&'] = KEEP & ~KEEP_QUERY,
	['+'] = KEEP & ~KEEP_QUERY,
	[';'] = KEEP & ~KEEP_QUERY,
	['='] = KEEP & ~KEEP_QUERY,
	['['] = KEEP_HOST | KEEP_PIECE | KEEP_URI,
	[']'] = KEEP_HOST | KEEP_PIECE | KEEP_URI,
	['?'] = KEEP_QUERY | KEEP_URI,
	['#'] = KEEP_URI,
	['%'] = KEEP_PIECE | KEEP_URI,
};

static uint8_t
kept_bytes(enum uri_form form, enum uri_place place)
{
	static const uint8_t text[] = {
		[URI_IN_HOST] = KEEP_HOST,
		[URI_IN_PATH] = KEEP_PATH,
		[URI_IN_QUERY] = KEEP_QUERY,
	};

	if (form == URI_READY)
		return place == URI_IN_PATH ? KEEP_PIECE : KEEP_URI;
	return text[place];
}

void
escape_uri(struct buf *out, struct str value, enum uri_form form, enum uri_place place)
{
	static const char digits[] = "0123456789ABCDEF";
	uint8_t kept = kept_bytes(form, place);
	char *p = buf_room(out, value.n * 3);
	char *start = p;

	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if ((keep[c] & kept) || (c == '%' && form == URI_PATH)) {
			*p++ = (char)c;
			continue;
		}
		*p++ = '%';
		*p++ = digits[c >> 4];
		*p++ = digits[c & 15];
	}
	out->n += (size_t)(p - start);
}

struct str
escape_cut(struct str value, size_t max, bool *cut)
{
	*cut = value.n > max;
	return *cut ? str_make(value.p, max) : value;
}
