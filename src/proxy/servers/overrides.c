/*
 * overrides.c - changes that an operator made at run time; the master's.
 */
#include "proxy/servers/overrides.h"

#include "base/arena.h"
#include "base/list.h"
#include "base/mem.h"

/* The changes of one server. */
struct entry {
	struct link link;
	uint64_t hash;			/* of the server's text, to compare less */
	struct arena arena;		/* of the texts here and in `added` */
	struct str backend, name, line;
	struct str server;		/* that `name` is an address of; absent: none */
	struct conf_server added;	/* the one that is, if any */
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

static bool
is_address_of(const struct entry *e, struct str backend, struct str server)
{
	return e->server.p != NULL && str_eq(e->server, server) && str_eq(e->backend, backend);
}

/* The change of the target.  That of an address begins with what was ordered for all of them. */
static struct override *
change_of(struct overrides *o, const struct override_target *t)
{
	const struct override *whole;
	struct entry *e;

	if (t->address.p == NULL)
		return overrides_get(o, t->backend, t->server, t->line);
	e = find(o, t->backend, t->address);
	if (e != NULL && same_line(e->line, t->line))
		return &e->change;
	if (e != NULL)
		forget(e);
	e = add(o, t->backend, t->address, t->line);
	e->server = arena_str(&e->arena, t->server);
	whole = overrides_find(o, t->backend, t->server, t->line);
	e->change.order = whole != NULL ? whole->order : ORDER_NONE;
	return &e->change;
}

void
overrides_order(struct overrides *o, const struct override_target *t, enum shm_order order)
{
	change_of(o, t)->order = order;
	if (t->address.p != NULL)
		return;
	LIST_EACH(link, &o->entries) {
		struct entry *e = CONTAINER_OF(link, struct entry, link);

		if (is_address_of(e, t->backend, t->server))
			e->change.order = order;
	}
}

void
overrides_weigh(struct overrides *o, const struct override_target *t, uint16_t weight)
{
	change_of(o, t)->weight = weight;
	if (t->address.p != NULL)
		return;
	LIST_EACH(link, &o->entries) {
		struct entry *e = CONTAINER_OF(link, struct entry, link);

		if (is_address_of(e, t->backend, t->server))
			e->change.weight = 0;
	}
}

void
overrides_remove(struct overrides *o, const struct override_target *t)
{
	change_of(o, t)->removed = true;
}

void
overrides_add(struct overrides *o, struct str backend, const struct conf_server *server)
{
	struct entry *e = find(o, backend, server->text);
	struct conf_server *copy;

	if (e != NULL)
		forget(e);
	e = add(o, backend, server->text, (struct str){ NULL, 0 });
	copy = &e->added;
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

/* The texts may be those of the entry itself, which goes last. */
static bool
reset_server(struct overrides *o, struct str backend, struct str server)
{
	struct entry *itself = find(o, backend, server);
	bool any = itself != NULL;

	LIST_EACH(link, &o->entries) {
		struct entry *e = CONTAINER_OF(link, struct entry, link);

		if (e == itself || !is_address_of(e, backend, server))
			continue;
		forget(e);
		any = true;
	}
	if (itself != NULL)
		forget(itself);
	return any;
}

bool
overrides_reset(struct overrides *o, struct str backend, struct str server)
{
	bool any = false;

	if (server.p != NULL)
		return reset_server(o, backend, server);
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
still_holds(const struct overrides *o, const struct entry *e, const struct conf_backend *b)
{
	if (b == NULL)
		return false;
	if (e->line.p != NULL)
		return line_of(b, e->line) != NULL;
	if (e->server.p != NULL)
		return find(o, e->backend, e->server) != NULL;
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

		if (still_holds(o, e, backend_of(c, e->backend)))
			continue;
		forget(e);
		forgotten++;
	}
	return forgotten;
}
