/*
 * overrides.c - changes that an operator made at run time; the master's.
 */
#include "proxy/overrides.h"

#include "base/arena.h"
#include "base/list.h"
#include "base/mem.h"

/* The changes of one server. */
struct entry {
	struct link link;
	uint64_t hash;			/* of the server's text, to compare less */
	struct arena arena;		/* of the texts here and in `server` */
	struct str backend, name, line;
	struct conf_server server;	/* the one that is added */
	struct override change;
};

struct overrides {
	struct link entries;		/* in the order of their coming */
};

struct overrides *
overrides_new(void)
{
	struct overrides *o = MEM_NEW(struct overrides);

	link_init(&o->entries);
	return o;
}

static void
forget(struct entry *e)
{
	link_remove(&e->link);
	arena_fini(&e->arena);
	mem_free(e);
}

void
overrides_free(struct overrides *o)
{
	if (o == NULL)
		return;
	(void)overrides_reset(o, (struct str){ NULL, 0 }, (struct str){ NULL, 0 });
	mem_free(o);
}

static struct entry *
find(const struct overrides *o, struct str backend, struct str server)
{
	uint64_t hash = str_hash(server, 0);

	LIST_EACH(link, &o->entries) {
		struct entry *e = CONTAINER_OF(link, struct entry, link);

		if (e->hash == hash && str_eq(e->name, server) && str_eq(e->backend, backend))
			return e;
	}
	return NULL;
}

/* An absent line and an empty one differ: only a server that was added has none. */
static bool
same_line(struct str a, struct str b)
{
	return (a.p == NULL) == (b.p == NULL) && str_eq(a, b);
}

static struct entry *
add(struct overrides *o, struct str backend, struct str server, struct str line)
{
	struct entry *e = MEM_NEW(struct entry);

	arena_init(&e->arena);
	e->hash = str_hash(server, 0);
	e->backend = arena_str(&e->arena, backend);
	e->name = arena_str(&e->arena, server);
	e->line = arena_str(&e->arena, line);
	list_append(&o->entries, &e->link);
	return e;
}

struct override *
overrides_get(struct overrides *o, struct str backend, struct str server, struct str line)
{
	struct entry *e = find(o, backend, server);

	if (e != NULL && !same_line(e->line, line)) {
		forget(e);
		e = NULL;
	}
	if (e == NULL)
		e = add(o, backend, server, line);
	return &e->change;
}

const struct override *
overrides_find(const struct overrides *o, struct str backend, struct str server, struct str line)
{
	const struct entry *e = find(o, backend, server);

	return e != NULL && same_line(e->line, line) ? &e->change : NULL;
}

void
overrides_add(struct overrides *o, struct str backend, const struct conf_server *server)
{
	struct entry *e = find(o, backend, server->text);
	struct conf_server *copy;

	if (e != NULL)
		forget(e);
	e = add(o, backend, server->text, (struct str){ NULL, 0 });
	copy = &e->server;
	*copy = *server;
	copy->line = arena_str(&e->arena, server->line);
	copy->text = arena_str(&e->arena, server->text);
	copy->host = arena_str(&e->arena, server->host);
	copy->host_field = arena_str(&e->arena, server->host_field);
	e->change.added = copy;
}

void
overrides_each_added(const struct overrides *o, struct str backend,
    void (*each)(void *arg, const struct conf_server *server), void *arg)
{
	LIST_EACH(link, &o->entries) {
		const struct entry *e = CONTAINER_OF(link, struct entry, link);

		if (e->change.added != NULL && str_eq(e->backend, backend))
			each(arg, e->change.added);
	}
}

void
overrides_each_removed(const struct overrides *o, struct str backend,
    void (*each)(void *arg, struct str server, struct str line), void *arg)
{
	LIST_EACH(link, &o->entries) {
		const struct entry *e = CONTAINER_OF(link, struct entry, link);

		if (e->change.removed && str_eq(e->backend, backend))
			each(arg, e->name, e->line);
	}
}

bool
overrides_reset(struct overrides *o, struct str backend, struct str server)
{
	struct entry *one = server.p != NULL ? find(o, backend, server) : NULL;
	bool any = one != NULL;

	if (one != NULL)
		forget(one);
	if (server.p != NULL)
		return any;
	LIST_EACH(link, &o->entries) {
		struct entry *e = CONTAINER_OF(link, struct entry, link);

		if (backend.p != NULL && !str_eq(e->backend, backend))
			continue;
		forget(e);
		any = true;
	}
	return any;
}

/* The line that a change is about, in this configuration: absent if there is none any more. */
static const struct conf_server *
line_of(const struct conf_backend *b, struct str line)
{
	for (unsigned i = 0; i < b->nservers; i++)
		if (str_eq(b->servers[i].line, line))
			return &b->servers[i];
	return NULL;
}

static bool
still_holds(const struct entry *e, const struct conf_backend *b)
{
	if (b == NULL)
		return false;
	if (e->line.p != NULL)
		return line_of(b, e->line) != NULL;
	for (unsigned i = 0; i < b->nservers; i++)
		if (str_eq(b->servers[i].text, e->name))
			return false;
	return true;
}

static const struct conf_backend *
backend_of(const struct conf_snapshot *c, struct str name)
{
	for (unsigned i = 0; i < c->nbackends; i++)
		if (str_eq(c->backends[i]->name, name))
			return c->backends[i];
	return NULL;
}

unsigned
overrides_settle(struct overrides *o, const struct conf_snapshot *c)
{
	unsigned forgotten = 0;

	LIST_EACH(link, &o->entries) {
		struct entry *e = CONTAINER_OF(link, struct entry, link);

		if (still_holds(e, backend_of(c, e->backend)))
			continue;
		forget(e);
		forgotten++;
	}
	return forgotten;
}
