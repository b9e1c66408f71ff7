/*
 * host_map.c - from the name in a Host field to the [host] sections that have it.
 */
#include "proxy/host_map.h"

#include "base/map.h"
#include "base/mem.h"

/* The names of one listener, or of all. */
struct names {
	struct map exact;
	struct map wildcards;		/* without the star: ".example.com" */
};

struct host_map {
	struct names all;		/* hosts without `listen` */
	struct names *listens;		/* by the listener's index */
	unsigned nlistens;
	unsigned max_dots;		/* of the longest wildcard: bounds the work for any name */
};

static unsigned
count_dots(struct str s)
{
	unsigned n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '.';
	return n;
}

static void
add_name(struct host_map *m, struct names *names, struct str name, struct conf_host *host)
{
	if (!str_starts(name, STR_OF("*."))) {
		map_add(&names->exact, name, host);
		return;
	}
	name = str_skip(name, 1);
	map_add(&names->wildcards, name, host);
	if (count_dots(name) > m->max_dots)
		m->max_dots = count_dots(name);
}

static void
add_host(struct host_map *m, struct conf_host *host)
{
	for (unsigned i = 0; i < host->names.n; i++) {
		if (host->nlistens == 0)
			add_name(m, &m->all, host->names.v[i], host);
		for (unsigned k = 0; k < host->nlistens; k++)
			add_name(m, &m->listens[host->listens[k]->index], host->names.v[i], host);
	}
}

struct host_map *
host_map_new(const struct conf_snapshot *snapshot)
{
	struct host_map *m = MEM_NEW(struct host_map);

	m->nlistens = snapshot->nlistens;
	m->listens = mem_zalloc(m->nlistens, sizeof(m->listens[0]));
	for (unsigned i = 0; i < snapshot->nhosts; i++)
		add_host(m, snapshot->hosts[i]);
	return m;
}

static void
names_fini(struct names *names)
{
	map_fini(&names->exact);
	map_fini(&names->wildcards);
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
	mem_free(m);
}

struct conf_host *
host_map_exact(const struct host_map *m, const struct conf_listen *listen, struct str name)
{
	struct conf_host *host = map_get(&m->listens[listen->index].exact, name);

	return host != NULL ? host : map_get(&m->all.exact, name);
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

static struct conf_host *
find_wildcard(const struct host_map *m, const struct conf_listen *listen, struct str suffix)
{
	struct conf_host *host = map_get(&m->listens[listen->index].wildcards, suffix);

	return host != NULL ? host : map_get(&m->all.wildcards, suffix);
}

struct conf_host *
host_map_wildcard(const struct host_map *m, const struct conf_listen *listen, struct str *rest)
{
	unsigned dots = m->max_dots > 0 ? count_dots(*rest) : 0;

	while (dots > 0) {
		struct conf_host *host = NULL;

		dots -= rest->p[0] == '.';
		if (!next_dot(rest))
			return NULL;
		if (dots <= m->max_dots)
			host = find_wildcard(m, listen, *rest);
		if (host != NULL)
			return host;
	}
	return NULL;
}
