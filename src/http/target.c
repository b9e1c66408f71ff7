/*
 * target.c - request targets: RFC 9112, section 3.2, and paths made comparable.
 */
#include "http/target.h"

#include <arpa/inet.h>

#include "base/check.h"

/* Printable ASCII but '#'.  More than the URI grammar has, as browsers send {}|^ and the like. */
static bool
is_printable(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c >= 0x7f || c == '#')
			return false;
	}
	return true;
}

/* Splits at '?'; a path must begin with '/' and have no '\', which some servers take for one. */
static bool
split_path(struct target *t, struct str text)
{
	ptrdiff_t mark = str_find(text, '?');

	t->path = text;
	t->query = (struct str){ NULL, 0 };
	if (mark >= 0) {
		t->path.n = (size_t)mark;
		t->query = str_skip(text, (size_t)mark + 1);
	}
	return t->path.n > 0 && t->path.p[0] == '/' && str_find(t->path, '\\') < 0;
}

static bool
parse_absolute(struct target *t, struct str rest)
{
	size_t n = 0;
	struct str host;
	uint16_t port;

	while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
		n++;
	t->form = TARGET_ABSOLUTE;
	t->authority = str_make(rest.p, n);
	if (!target_authority(t->authority, &host, &port))
		return false;
	rest = str_skip(rest, n);
	if (rest.n > 0 && rest.p[0] == '/')
		return split_path(t, rest);
	t->path = STR_OF("/");
	t->no_path = rest.n == 0;
	t->query = rest.n > 0 ? str_skip(rest, 1) : (struct str){ NULL, 0 };
	return true;
}

bool
target_parse(struct target *t, struct str text)
{
	static const struct str http = STR("http://"), https = STR("https://");

	*t = (struct target){ .form = TARGET_ORIGIN };
	if (text.n == 0 || !is_printable(text))
		return false;
	if (text.p[0] == '/')
		return split_path(t, text);
	if (text.n == 1 && text.p[0] == '*') {
		t->form = TARGET_ASTERISK;
		t->path = text;
		return true;
	}
	if (text.n > http.n && str_ieq(str_make(text.p, http.n), http))
		return parse_absolute(t, str_skip(text, http.n));
	if (text.n > https.n && str_ieq(str_make(text.p, https.n), https))
		return parse_absolute(t, str_skip(text, https.n));
	t->form = TARGET_AUTHORITY;
	t->authority = text;
	return false;
}

struct str
target_origin_form(struct arena *arena, const struct target *t, struct str text)
{
	if (t->form != TARGET_ABSOLUTE || t->path.p == NULL)
		return text;
	/* "/" for a path that is not there is no part of the text. */
	if (t->path.p >= text.p && t->path.p < text.p + text.n)
		return str_skip(text, (size_t)(t->path.p - text.p));
	if (t->query.p == NULL)
		return t->path;
	return arena_printf(arena, "%.*s?%.*s", STR_ARG(t->path), STR_ARG(t->query));
}

static bool
parse_port(struct str text, uint16_t *port)
{
	uint64_t v = 0;

	if (text.n > 0 && !str_uint(text, UINT16_MAX, &v))
		return false;
	*port = (uint16_t)v;
	return true;
}

static bool
is_ipv6(struct str text)
{
	char copy[INET6_ADDRSTRLEN];
	struct in6_addr a;

	if (text.n >= sizeof(copy) || str_find(text, '\0') >= 0)
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	return inet_pton(AF_INET6, copy, &a) == 1;
}

/* IPvFuture: RFC 3986, 3.2.2. */
static bool
is_ip_future(struct str text)
{
	struct str version;

	if (!str_cut(&text, '.', &version) || version.n < 2 || text.n == 0 ||
	    char_lower[(unsigned char)version.p[0]] != 'v')
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] != ':' && (!char_is(text.p[i], CHAR_HOST) || text.p[i] == '%'))
			return false;
	return str_all(str_skip(version, 1), CHAR_HEX);
}

bool
target_authority(struct str text, struct str *host, uint16_t *port)
{
	ptrdiff_t colon;

	*port = 0;
	if (text.n > 0 && text.p[0] == '[') {
		ptrdiff_t end = str_find(text, ']');
		struct str literal;

		if (end < 0)
			return false;
		*host = str_make(text.p, (size_t)end + 1);
		literal = str_make(text.p + 1, (size_t)end - 1);
		text = str_skip(text, (size_t)end + 1);
		if (text.n > 0 && (text.p[0] != ':' || !parse_port(str_skip(text, 1), port)))
			return false;
		if (is_ip_future(literal))
			return true;	/* with its brackets, as without them it could be a name */
		*host = literal;
		return is_ipv6(literal);
	}
	colon = str_find(text, ':');
	*host = text;
	if (colon >= 0) {
		host->n = (size_t)colon;
		if (!parse_port(str_skip(text, (size_t)colon + 1), port))
			return false;
	}
	/* ',' is in the grammar of a reg-name, but a Host with one is two that somebody joined. */
	if (!str_all(*host, CHAR_HOST) || str_find(*host, ',') >= 0)
		return false;
	if (host->n > 1 && host->p[host->n - 1] == '.')
		host->n--;
	return host->n > 0;
}

/* What follows a byte decides whether a path is normal already. */
static bool
is_normal(struct str path)
{
	for (size_t i = 0; i < path.n; i++) {
		if (path.p[i] == '%')
			return false;
		if (path.p[i] == '/' && i + 1 < path.n &&
		    (path.p[i + 1] == '/' || path.p[i + 1] == '.'))
			return false;
	}
	return true;
}

/* Decodes one escape at `p` into `out`; how many bytes it became, 0: it must be refused. */
static size_t
decode_escape(const char *p, const char *end, char *out)
{
	static const char digits[] = "0123456789ABCDEF";
	int high, low, c;

	if (end - p < 3)
		return 0;
	high = char_hex(p[1]);
	low = char_hex(p[2]);
	c = high * 16 + low;
	if (high < 0 || low < 0 || c == 0)
		return 0;
	/* A decoded slash would become a separator, a decoded percent sign a second escape. */
	if (c == '/' || c == '%' || c == '\\') {
		out[0] = '%';
		out[1] = digits[high];
		out[2] = digits[low];
		return 3;
	}
	out[0] = (char)c;
	return 1;
}

/* Removes a final `.` or `..` segment, which starts at `segment`; the new end, NULL above root. */
static char *
close_segment(char *start, char *segment, char *end)
{
	size_t n = (size_t)(end - segment);

	if (n == 1 && segment[0] == '.')
		return segment;
	if (n != 2 || segment[0] != '.' || segment[1] != '.')
		return end;
	segment--;			/* the slash before it */
	if (segment == start)
		return NULL;
	while (segment[-1] != '/')
		segment--;
	return segment;
}

struct str
target_normalise(struct arena *arena, struct str path)
{
	const char *p = path.p, *end = path.p + path.n;
	char *start, *out, *segment;

	if (is_normal(path))
		return path;
	start = out = segment = arena_alloc(arena, path.n + 1);
	for (; p < end; p++) {
		if (*p == '%') {
			size_t n = decode_escape(p, end, out);

			if (n == 0)
				return (struct str){ NULL, 0 };
			out += n;
			p += 2;
			continue;
		}
		if (*p != '/') {
			*out++ = *p;
			continue;
		}
		if (out > start && (out = close_segment(start, segment, out)) == NULL)
			return (struct str){ NULL, 0 };
		if (out == start || out[-1] != '/')
			*out++ = '/';
		segment = out;
	}
	if ((out = close_segment(start, segment, out)) == NULL)
		return (struct str){ NULL, 0 };
	return str_make(start, (size_t)(out - start));
}
