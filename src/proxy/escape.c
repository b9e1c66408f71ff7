/*
 * escape.c - values from outside made harmless for the text they are put into.
 */
#include "proxy/escape.h"

/* Appends the bytes before the first that `special` names; false at the end of the value. */
static bool
copy_run(struct buf *out, struct str *value, bool (*special)(unsigned char c))
{
	size_t n = 0;

	while (n < value->n && !special((unsigned char)value->p[n]))
		n++;
	buf_add(out, value->p, n);
	*value = str_skip(*value, n);
	return value->n > 0;
}

static bool
splits_header(unsigned char c)
{
	return c == '\r' || c == '\n' || c == '\0';
}

void
escape_plain(struct buf *out, struct str value)
{
	while (value.n > 0 && copy_run(out, &value, splits_header))
		value = str_skip(value, 1);
}

static bool
forges_log(unsigned char c)
{
	return c < 0x20 || c > 0x7e || c == '"' || c == '\\';
}

void
escape_log(struct buf *out, struct str value)
{
	static const char digits[] = "0123456789abcdef";

	if (value.n == 0)
		buf_char(out, '-');
	while (value.n > 0 && copy_run(out, &value, forges_log)) {
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

static bool
is_markup(unsigned char c)
{
	return c == '&' || c == '<' || c == '>' || c == '"' || c == '\'';
}

void
escape_html(struct buf *out, struct str value)
{
	while (value.n > 0 && copy_run(out, &value, is_markup)) {
		buf_printf(out, "&#%d;", value.p[0]);
		value = str_skip(value, 1);
	}
}

static bool
ends_label(unsigned char c)
{
	return c == '"' || c == '\\' || c == '\n';
}

void
escape_label(struct buf *out, struct str value)
{
	while (value.n > 0 && copy_run(out, &value, ends_label)) {
		buf_char(out, '\\');
		buf_char(out, value.p[0] == '\n' ? 'n' : value.p[0]);
		value = str_skip(value, 1);
	}
}

struct str
escape_cut(struct str value, size_t max, bool *cut)
{
	*cut = value.n > max;
	return *cut ? str_make(value.p, max) : value;
}
