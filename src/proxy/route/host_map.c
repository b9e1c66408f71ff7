/*
 * host_map.c - from the name in a Host field to the [host] sections that have it.
 */
#include "proxy/route/host_map.h"

#include "base/arena.h"
#include "base/mem.h"

enum { FIRST_SLOTS = 16 };

struct name {
	uint32_t length;
	char text[];
};

/*
 * The hash stands with the slot, so that a look-up reads no names but its own; the host too, so
 * that a processor goes on with it while the name is still compared.
 */
struct slot {
	struct name *name;		/* NULL: free */
	uint32_t hash;
	int host;
};

/* An open hash table. */
struct table {
	struct slot *slots;
	size_t nslots;			/* a power of two, or 0 */
	size_t count;
};

/* The names of one listener, or of all. */
struct names {
	struct table exact;
	struct table wildcards;		/* without the star: ".example.com" */
};

struct host_map {
	struct arena arena;
	struct names all;		/* hosts without `listen` */
	struct names *listens;		/* by the listener's index */
	unsigned nlistens;
	unsigned max_dots;		/* of the longest wildcard: bounds the work for any name */
};

/* The slot of a name: its own, or the free one where it belongs. */
static struct slot *
find_slot(const struct table *t, struct str text, uint32_t hash)
{
	size_t i = hash & (t->nslots - 1);

	for (;; i = (i + 1) & (t->nslots - 1)) {
		struct slot *s = &t->slots[i];

		if (s->name == NULL || (s->hash == hash &&
		    str_eq(str_make(s->name->text, s->name->length), text)))
			return s;
	}
}

static void
grow(struct table *t)
{
	struct table old = *t;

	t->nslots = old.nslots > 0 ? old.nslots * 2 : FIRST_SLOTS;
	t->slots = mem_zalloc_lines(t->nslots, sizeof(t->slots[0]));
	for (size_t i = 0; i < old.nslots; i++) {
		const struct slot *s = &old.slots[i];

		if (s->name != NULL)
			*find_slot(t, str_make(s->name->text, s->name->length), s->hash) = *s;
	}
	mem_free(old.slots);
}

/* The first host with a name keeps it. */
static void
add(struct host_map *m, struct table *t, struct str text, unsigned host)
{
	uint32_t hash = (uint32_t)str_hash(text, 0);
	struct slot *slot;
	struct name *name;

	if (t->count * 2 >= t->nslots)
		grow(t);
	slot = find_slot(t, text, hash);
	if (slot->name != NULL)
		return;
	name = arena_alloc(&m->arena, sizeof(*name) + text.n);
	name->length = (uint32_t)text.n;
	memcpy(name->text, text.p, text.n);
	*slot = (struct slot){ name, hash, (int)host };
	t->count++;
}

static int
find(const struct table *t, struct str text)
{
	const struct slot *slot;

	if (t->nslots == 0)
		return HOST_NONE;
	slot = find_slot(t, text, (uint32_t)str_hash(text, 0));
	return slot->name != NULL ? slot->host : HOST_NONE;
}

static unsigned
count_dots(struct str s)
{
	unsigned n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '.';
	return n;
}

static void
add_name(struct host_map *m, struct names *names, struct str name, unsigned host)
{
	if (!str_starts(name, STR_OF("*."))) {
		add(m, &names->exact, name, host);
		return;
	}
	name = str_skip(name, 1);
	add(m, &names->wildcards, name, host);
	if (count_dots(name) > m->max_dots)
		m->max_dots = count_dots(name);
}

static void
add_host(struct host_map *m, const struct conf_host *host)
{
	for (unsigned i = 0; i < host->names.n; i++) {
		if (host->nlistens == 0)
			add_name(m, &m->all, host->names.v[i], host->index);
		for (unsigned k = 0; k < host->nlistens; k++)
			add_name(m, &m->listens[host->listens[k]->index], host->names.v[i],
			    host->index);
	}
}

struct host_map *
host_map_new(const struct conf_snapshot *snapshot)
{
	struct host_map *m = MEM_NEW(struct host_map);

	arena_init(&m->arena);
	m->nlistens = snapshot->nlistens;
	m->listens = mem_zalloc(m->nlistens, sizeof(m->listens[0]));
	for (unsigned i = 0; i < snapshot->nhosts; i++)
		add_host(m, snapshot->hosts[i]);
	return m;
}

static void
names_fini(struct names *names)
{
	mem_free(names->exact.slots);
	mem_free(names->wildcards.slots);
}

void
host_map_free(struct host_map *m)
{
	if (m == NULL)
		return;
	names_fini(&m->all);
	for (unsigned i = 0; i < m->nlistens; i++)
		names_fini(&m->listens[i]);
	mem_free(m->listens);
	arena_fini(&m->arena);
	mem_free(m);
}

int
host_map_exact(const struct host_map *m, const struct conf_listen *listen, struct str name)
{
	int host = find(&m->listens[listen->index].exact, name);

	return host != HOST_NONE ? host : find(&m->all.exact, name);
}

/* Cuts the name so that it begins with its next dot that is not its first byte. */
static bool
next_dot(struct str *rest)
{
	ptrdiff_t dot = rest->n > 0 ? str_find(str_skip(*rest, 1), '.') : -1;

	if (dot < 0)
		return false;
	*rest = str_skip(*rest, (size_t)dot + 1);
	return true;
}

static int
find_wildcard(const struct host_map *m, const struct conf_listen *listen, struct str suffix)
{
	int host = find(&m->listens[listen->index].wildcards, suffix);

	return host != HOST_NONE ? host : find(&m->all.wildcards, suffix);
}

int
host_map_wildcard(const struct host_map *m, const struct conf_listen *listen, struct str *rest)
{
	unsigned dots = m->max_dots > 0 ? count_dots(*rest) : 0;

	while (dots > 0) {
		int host = HOST_NONE;

		dots -= rest->p[0] == '.';
		if (!next_dot(rest))
			return HOST_NONE;
		if (dots <= m->max_dots)
			host = find_wildcard(m, listen, *rest);
		if (host != HOST_NONE)
			return host;
	}
	return HOST_NONE;
}
