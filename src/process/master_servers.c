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

/* It does not serve yet, or never will. */
static bool
is_coming(const struct master *m, const struct generation *g)
{
	return g == m->next || g->did_fail;
}

/* The newest generation with workers that serve, or finish what they do; NULL: none. */
static struct generation *
newest(struct master *m)
{
	struct generation *found = m->current;

	if (found != NULL)
		return found;
	LIST_EACH(link, &m->generations) {
		struct generation *g = CONTAINER_OF(link, struct generation, link);

		if (!is_coming(m, g))
			found = g;
	}
	return found;
}

/* ---- names */

/* Room for twice as many whenever their number is a power of two. */
static void *
with_room(void *v, unsigned n, size_t size)
{
	return (n & (n - 1)) == 0 ? mem_realloc(v, n > 0 ? 2 * (size_t)n : 1, size) : v;
}

/* The names of some configurations. */
struct followed {
	struct names_used used;
	msec resolve_ms;		/* of the backend that is looked at */
};

static void
follow_added(void *arg, const struct conf_server *server)
{
	struct followed *f = arg;
	struct names_used *u = &f->used;

	u->added = with_room(u->added, u->nadded, sizeof(*u->added));
	u->added[u->nadded++] = (struct names_added){ server, f->resolve_ms };
}

static void
follow_conf(struct master *m, struct followed *f, const struct conf_snapshot *s)
{
	struct names_used *u = &f->used;

	u->confs = with_room(u->confs, u->nconfs, sizeof(*u->confs));
	u->confs[u->nconfs++] = s;
	for (unsigned i = 0; i < s->nbackends; i++) {
		f->resolve_ms = s->backends[i]->resolve_ms;
		overrides_each_added(m->servers.overrides, s->backends[i]->name, follow_added, f);
	}
}

static void
free_followed(struct followed *f)
{
	mem_free(f->used.confs);
	mem_free(f->used.added);
}

/* Follows the names of all generations, and of one that may come. */
static void
use_names(struct master *m, const struct config *pending)
{
	struct followed serving = { .resolve_ms = 0 }, coming = { .resolve_ms = 0 };

	LIST_EACH(link, &m->generations) {
		struct generation *g = CONTAINER_OF(link, struct generation, link);

		follow_conf(m, is_coming(m, g) ? &coming : &serving, g->config->snapshot);
	}
	if (pending != NULL)
		follow_conf(m, &coming, pending->snapshot);
	names_use(m->servers.names, &serving.used, &coming.used);
	free_followed(&serving);
	free_followed(&coming);
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
