/*
 * verify_binds.c - no address is listened at twice.
 */
#include "base/mem.h"
#include "conf/verify.h"

/* An address with the section it stands in. */
struct place {
	struct conf_bind *bind;
	struct str text;	/* canonical: 0.0.0.0:80 */
	struct str title;
	bool covered;		/* another one of the section takes its connections */
};

struct places {
	struct conf_whole *whole;
	struct arena arena;
	struct map by_text;
	struct place *v;
	unsigned n;
};

static struct str
canonical(struct arena *arena, const struct addr *a)
{
	char text[ADDR_TEXT];
	size_t n = addr_text(a, text);

	return arena_str(arena, str_make(text, n));
}

static void
add(struct places *p, struct conf_bind *binds, unsigned n, struct str title)
{
	for (unsigned i = 0; i < n; i++)
		p->v[p->n++] = (struct place){
			.bind = &binds[i],
			.text = canonical(&p->arena, &binds[i].addr),
			.title = title,
		};
}

static void
collect(struct places *p)
{
	struct conf_snapshot *s = &p->whole->snapshot;
	unsigned total = s->admin.nbinds + 1;

	for (unsigned i = 0; i < s->nlistens; i++)
		total += s->listens[i]->nbinds;
	p->v = mem_zalloc(total, sizeof(*p->v));
	for (unsigned i = 0; i < s->nlistens; i++) {
		struct conf_listen *l = s->listens[i];

		add(p, l->binds, l->nbinds,
		    arena_printf(&p->arena, "[listen %.*s] bind", STR_ARG(l->name)));
	}
	add(p, s->admin.binds, s->admin.nbinds, STR_OF("[admin] listen"));
	if (s->admin.socket.text.p != NULL)
		add(p, &s->admin.socket, 1, STR_OF("[admin] socket"));
}

/* `one` cannot be bound beside `other`: in one section it is covered, otherwise an error. */
static void
collide(struct places *p, struct place *one, const struct place *other)
{
	struct conf_document *d = &p->whole->document;

	if (str_eq(one->title, other->title) && !str_eq(one->bind->text, other->bind->text)) {
		one->covered = true;
		return;
	}
	conf_error(d->errors, one->bind->at, "%.*s: %.*s is taken by %.*s at %.*s",
	    STR_ARG(one->title), STR_ARG(one->bind->text), STR_ARG(other->bind->text),
	    STR_ARG(conf_origin_text(d, other->bind->at)));
}

static void
check_wildcard(struct places *p, struct place *one, const char *host)
{
	struct str wildcard = arena_printf(&p->arena, "%s:%u", host, addr_port(&one->bind->addr));
	struct place *other = map_get(&p->by_text, wildcard);

	if (other != NULL && !str_eq(other->text, one->text) && !one->covered)
		collide(p, one, other);
}

/* Without the covered ones, which are those of the same section. */
static void
compact(struct places *p, struct conf_bind *binds, unsigned *n)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < *n; i++, p->n++)
		if (!p->v[p->n].covered)
			binds[kept++] = binds[i];
	*n = kept;
}

void
conf_verify_binds(struct conf_whole *w)
{
	struct places p = { .whole = w };
	struct conf_snapshot *s = &w->snapshot;
	struct place *before;

	arena_init(&p.arena);
	map_init(&p.by_text);
	collect(&p);
	for (unsigned i = 0; i < p.n; i++) {
		before = map_add(&p.by_text, p.v[i].text, &p.v[i]);
		if (before != NULL)
			collide(&p, &p.v[i], before);
	}
	for (unsigned i = 0; i < p.n; i++) {
		if (p.v[i].bind->addr.sa.sa_family == AF_UNIX)
			continue;
		check_wildcard(&p, &p.v[i], "[::]");
		if (p.v[i].bind->addr.sa.sa_family == AF_INET)
			check_wildcard(&p, &p.v[i], "0.0.0.0");
	}
	p.n = 0;
	for (unsigned i = 0; i < s->nlistens; i++)
		compact(&p, s->listens[i]->binds, &s->listens[i]->nbinds);
	compact(&p, s->admin.binds, &s->admin.nbinds);
	map_fini(&p.by_text);
	mem_free(p.v);
	arena_fini(&p.arena);
}
