/*
 * master_servers.c - what the master does for the servers of backends: it follows their names,
 * writes the lists of them, and checks their health.
 *
 *	reload, names, usherctl ─► master_servers_changed() ─► names, lists, checks
 */
#include "process/master_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "proxy/servers/names.h"
#include "proxy/servers/overrides.h"

enum { NAMES_PATIENCE_MS = 1000 };	/* how long names may hold up a start or a reload */

/* The newest generation with workers that serve, or finish what they do; NULL: none. */
static struct generation *
newest(struct master *m)
{
	struct generation *found = m->current;

	if (found != NULL)
		return found;
	LIST_EACH(link, &m->generations) {
		struct generation *g = CONTAINER_OF(link, struct generation, link);

		if (g != m->next)
			found = g;
	}
	return found;
}

/* ---- names */

/* Pointers that get collected. */
struct collection {
	const void **v;
	unsigned n;
};

static void
collect(struct collection *c, const void *p)
{
	if ((c->n & (c->n - 1)) == 0)
		c->v = mem_realloc(c->v, c->n > 0 ? 2 * (size_t)c->n : 1, sizeof(*c->v));
	c->v[c->n++] = p;
}

static void
collect_added(void *arg, const struct conf_server *server)
{
	collect(arg, server);
}

/* Follows the names of all generations, and of one that may come. */
static void
use_names(struct master *m, const struct config *coming)
{
	struct collection confs = { NULL, 0 }, added = { NULL, 0 };

	LIST_EACH(link, &m->generations)
		collect(&confs, CONTAINER_OF(link, struct generation, link)->config->snapshot);
	if (coming != NULL)
		collect(&confs, coming->snapshot);
	for (unsigned i = 0; i < confs.n; i++) {
		const struct conf_snapshot *s = confs.v[i];

		for (unsigned k = 0; k < s->nbackends; k++)
			overrides_each_added(m->servers.overrides, s->backends[k]->name,
			    collect_added, &added);
	}
	names_use(m->servers.names, (const struct conf_snapshot *const *)confs.v, confs.n,
	    (const struct conf_server *const *)added.v, added.n);
	mem_free(confs.v);
	mem_free(added.v);
}

void
master_await_names(struct master *m, const struct config *c, void (*go_on)(void *arg))
{
	use_names(m, c);
	names_wait(m->servers.names, NAMES_PATIENCE_MS, go_on, m);
}

static void
on_names_changed(void *arg)
{
	master_servers_changed(arg);
}

/* ---- lists and checks */

void
master_follow_servers(struct task *t)
{
	struct master *m = CONTAINER_OF(t, struct master, servers_task);
	struct generation *last = newest(m);

	use_names(m, m->first != NULL ? m->first : m->pending);
	LIST_EACH(link, &m->generations) {
		struct generation *g = CONTAINER_OF(link, struct generation, link);

		proxy_update(g->config->proxy, &m->servers, g == last);
	}
	if (last != NULL)
		proxy_check(last->config->proxy, m->checks);
	else
		checks_use(m->checks, NULL, NULL, NULL);
	/* They drop connections, and let waiting requests go on. */
	shm_core_wake_all(&m->shm.core);
}

void
master_servers_changed(struct master *m)
{
	loop_post(m->loop, &m->servers_task);
}

int
master_open_servers(struct master *m)
{
	m->checks = checks_new(m->loop, &m->shm);
	m->servers = (struct proxy_servers){
		.shm = &m->shm,
		.names = names_new(m->loop, on_names_changed, m),
		.overrides = overrides_new(),
	};
	return m->servers.names != NULL ? 0 : -1;
}

void
master_close_servers(struct master *m)
{
	task_cancel(&m->servers_task);
	checks_free(m->checks);
	names_free(m->servers.names);
	overrides_free(m->servers.overrides);
}
