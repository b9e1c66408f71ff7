/*
 * verify_routes.c - no two routes have the same conditions.
 *
 * The conditions of a route become one text in which lists are sorted, so that order and spelling
 * do not matter; the texts meet in a hash table.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "conf/table.h"
#include "conf/verify.h"

struct texts {
	struct str *v;
	unsigned n;
	struct arena arena;
};

static void
add(struct texts *t, struct str s)
{
	if ((t->n & (t->n - 1)) == 0)
		t->v = mem_realloc(t->v, t->n > 0 ? 2 * (size_t)t->n : 1, sizeof(*t->v));
	t->v[t->n++] = s;
}

static int
compare(const void *a, const void *b)
{
	const struct str *x = a, *y = b;

	return str_cmp(*x, *y);
}

/* Moves the collected texts to the key, under the name of their kind. */
static void
flush(struct texts *t, const char *kind, struct buf *key)
{
	if (t->n == 0)
		return;
	qsort(t->v, t->n, sizeof(*t->v), compare);
	buf_printf(key, "\n%s", kind);
	for (unsigned i = 0; i < t->n; i++)
		if (i == 0 || !str_eq(t->v[i], t->v[i - 1]))
			buf_printf(key, "\n\t%.*s", STR_ARG(t->v[i]));
	t->n = 0;
}

static void
add_matches(struct texts *t, const char *kind, const struct conf_match *m, unsigned n,
    struct buf *key)
{
	for (unsigned i = 0; i < n; i++)
		add(t, arena_printf(&t->arena, "%.*s%s%.*s%s", STR_ARG(m[i].name),
		    m[i].value.p != NULL ? "=" : "", (int)m[i].value.n,
		    m[i].value.p != NULL ? m[i].value.p : "", m[i].prefix ? "*" : ""));
	flush(t, kind, key);
}

static void
add_strs(struct texts *t, const char *kind, const struct conf_strs *list, struct buf *key)
{
	for (unsigned i = 0; i < list->n; i++)
		add(t, list->v[i]);
	flush(t, kind, key);
}

static void
add_ranges(struct texts *t, const struct conf_cidrs *list, struct buf *key)
{
	for (unsigned i = 0; i < list->n; i++) {
		const struct cidr *c = &list->v[i];
		struct ip_port ip = { .family = AF_INET6 };
		char text[ADDR_TEXT];

		memcpy(ip.ip, c->ip, sizeof(ip.ip));
		ip_text(&ip, text);
		add(t, c->unix_sockets ? STR_OF("unix") :
		    arena_printf(&t->arena, "%s/%u", text, c->bits));
	}
	flush(t, "client", key);
}

/* The conditions of `r` as one text in `key`. */
static void
write_key(struct texts *t, const struct conf_route *r, struct buf *key)
{
	for (unsigned i = 0; i < r->nhosts; i++)
		add(t, r->hosts[i]->name);
	flush(t, "host", key);
	for (unsigned i = 0; i < r->npaths; i++)
		add(t, arena_printf(&t->arena, "%.*s%s", STR_ARG(r->paths[i].text),
		    r->paths[i].kind == PATH_PREFIX ? "/*" : ""));
	flush(t, "path", key);
	add_strs(t, "path_regex", &r->path_regex, key);
	add_strs(t, "method", &r->methods, key);
	add_matches(t, "header", r->headers, r->nheaders, key);
	add_matches(t, "query", r->queries, r->nqueries, key);
	add_matches(t, "cookie", r->cookies, r->ncookies, key);
	add_ranges(t, &r->clients, key);
}

/* Conditions that could not be read say nothing about being the same. */
static bool
is_readable(const struct conf_document *d, const struct conf_route *r)
{
	const struct conf_section *s = conf_document_find(d, KIND_ROUTE, r->name);

	if (s == NULL)
		return true;
	for (const struct conf_setting *set = s->settings; set != NULL; set = set->next)
		if (set->wrong && (set->row->flags & DIRECTIVE_CONDITION) != 0)
			return false;
	return true;
}

void
conf_verify_routes(struct conf_whole *w)
{
	struct conf_snapshot *s = &w->snapshot;
	struct conf_document *d = &w->document;
	struct texts t = { .v = NULL };
	struct map seen;
	struct buf key;

	arena_init(&t.arena);
	map_init(&seen);
	buf_init(&key);
	for (unsigned i = 0; i < s->nroutes; i++) {
		struct conf_route *r = s->routes[i], *before;

		if (!is_readable(d, r))
			continue;
		key.n = 0;
		write_key(&t, r, &key);
		before = map_add(&seen, arena_str(&t.arena, str_make(buf_text(&key), key.n)), r);
		if (before != NULL)
			conf_error(d->errors, r->at, "[route %.*s]: has the same conditions as"
			    " [route %.*s] at %.*s (change or remove one)", STR_ARG(r->name),
			    STR_ARG(before->name), STR_ARG(conf_origin_text(d, before->at)));
	}
	buf_fini(&key);
	map_fini(&seen);
	mem_free(t.v);
	arena_fini(&t.arena);
}
