/*
 * rewrite.c - the path that goes to the server: strip_prefix and add_prefix.
 */
#include "proxy/rewrite.h"

/* pchar of RFC 3986, 3.3, and '/'; '%' stands only before escapes that normalising kept. */
static bool
is_path_char(char c)
{
	return char_is(c, CHAR_ALPHA | CHAR_DIGIT) ||
	    (c != '\0' && strchr("-._~!$&'()*+,;=:@/%", c) != NULL);
}

static char *
put_encoded(char *p, struct str path)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < path.n; i++) {
		unsigned char c = (unsigned char)path.p[i];

		if (is_path_char(path.p[i])) {
			*p++ = path.p[i];
			continue;
		}
		*p++ = '%';
		*p++ = digits[c >> 4];
		*p++ = digits[c & 15];
	}
	return p;
}

static char *
put(char *p, struct str s)
{
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return p + s.n;
}

/* `path` without the prefix, by whole segments; unchanged when it does not begin with it. */
static struct str
without_prefix(struct str path, struct str prefix)
{
	if (prefix.n == 0 || !str_starts(path, prefix))
		return path;
	if (path.n > prefix.n && path.p[prefix.n] != '/')
		return path;
	return str_skip(path, prefix.n);
}

struct str
rewrite_uri(struct exchange *x)
{
	const struct conf_route *c = x->conf;
	const struct target *t = &x->request->target;
	struct str path;
	char *start, *p;

	if (t->form == TARGET_ASTERISK)
		return t->path;
	if (t->no_path && x->request->method_id == METHOD_OPTIONS)
		return STR_OF("*");	/* RFC 9112, 3.2.4 */
	if (c->strip_prefix.n == 0 && c->add_prefix.n == 0) {
		if (t->form == TARGET_ORIGIN)
			return x->request->raw_target;
		path = t->path;
	} else {
		path = without_prefix(x->request->path, c->strip_prefix);
	}
	start = p = arena_alloc(&x->stream->arena, c->add_prefix.n + path.n * 3 + t->query.n + 3);
	p = put(p, c->add_prefix);
	if (path.n == 0 || path.p[0] != '/')
		*p++ = '/';
	p = path.p == t->path.p ? put(p, path) : put_encoded(p, path);
	if (t->query.p != NULL) {
		*p++ = '?';
		p = put(p, t->query);
	}
	return str_make(start, (size_t)(p - start));
}
