/*
 * backend.c - a named group of servers as a worker sees it: who is in it, and whose turn it is.
 */
#include "proxy/balance/backend.h"

#include "base/mem.h"
#include "proxy/balance/eject.h"
#include "proxy/balance/view.h"

enum {
	LATENCY_SHARE = 8,		/* a sample counts for one in so many */
	LATENCY_FRESH_MS = 5000,	/* unless the one before is older than this */
	FAILURE_US = 1000000,		/* what a failed attempt counts as */
};

struct backend {
	const struct conf_backend *conf;
	struct view view;
	struct queue *queue;
	struct metrics_cell *cell;
	int worker;
};

struct backend *
backend_new(const struct conf_backend *conf, struct shm_members *members, uint32_t metric_row,
    const struct backend_env *env)
{
	struct backend *b = MEM_NEW(struct backend);
	const struct view_env view_env = {
		.conf = conf,
		.servers = env->servers,
		.members = members,
		.metrics = env->metrics,
		.loop = env->loop,
		.pool = env->pool,
		.tls = &env->tls[conf->index],
		.worker = env->worker,
	};

	b->conf = conf;
	b->worker = env->worker;
	b->cell = metrics_cell(env->metrics, metric_row, env->worker);
	view_init(&b->view, &view_env);
	b->queue = queue_new(&conf->queue, b->view.group, env->core, env->loop, env->worker,
	    env->queues);
	return b;
}

void
backend_free(struct backend *b)
{
	if (b == NULL)
		return;
	queue_free(b->queue);
	view_fini(&b->view);
	mem_free(b);
}

/* ---- taking and giving */

uint64_t
backend_hash_text(struct str text)
{
	return str_hash(text, 0);
}

uint64_t
backend_hash_client(const struct ip_port *client)
{
	size_t n = client->family == AF_INET6 ? 8 : sizeof(client->ip);

	return str_hash(str_make((const char *)client->ip, n), 0);
}

/* That of a sticky client, which a server that drains keeps. */
static struct candidate *
choose_sticky(struct backend *b, uint64_t id, const struct turn *turn)
{
	struct view_member *m = view_find(&b->view, id);

	if (m == NULL || (m->state != MEMBER_USABLE && m->state != MEMBER_DRAINS) ||
	    !balance_take(&m->as, turn))
		return NULL;
	return &m->as;
}

static struct candidate *
choose_in(const struct backend *b, const struct tier *tier, const struct turn *turn)
{
	return tier->n > 0 ? b->view.balance->choose(tier, turn) : NULL;
}

static struct candidate *
choose(struct backend *b, const struct backend_request *r)
{
	const struct view *w = &b->view;
	struct turn turn = {
		.cursor = &w->env.members->cursor,
		.group = w->group,
		.hash = r->hash,
		.tried = r->tried.v,
		.ntried = r->tried.n,
		.worker = b->worker,
	};
	struct candidate *c = r->sticky != 0 ? choose_sticky(b, r->sticky, &turn) : NULL;

	if (c == NULL)
		c = choose_in(b, &w->main, &turn);
	if (c != NULL || r->tried.n == 0)
		return c;
	/* It failed elsewhere. */
	return choose_in(b, &w->spare, &turn);
}

static bool
was_tried(const struct backend_request *r, uint64_t id)
{
	for (unsigned i = 0; i < r->tried.n; i++)
		if (r->tried.v[i] == id)
			return true;
	return false;
}

static bool
has_untried(const struct tier *tier, const struct backend_request *r)
{
	for (uint32_t i = 0; i < tier->n; i++)
		if (!was_tried(r, tier->v[i].id))
			return true;
	return false;
}

bool
backend_has_untried(struct backend *b, const struct backend_request *r)
{
	if (!view_is_fresh(&b->view))
		view_remake(&b->view);
	return r->tried.n < BACKEND_TRIED_MAX && (has_untried(&b->view.main, r) ||
	    (r->tried.n > 0 && has_untried(&b->view.spare, r)));
}

static enum backend_refusal
refusal(struct backend *b, const struct backend_request *r)
{
	if (b->view.main.n == 0)
		return BACKEND_DOWN;
	return backend_has_untried(b, r) ? BACKEND_FULL : BACKEND_TRIED;
}

struct server *
backend_take(struct backend *b, const struct backend_request *r, enum backend_refusal *why)
{
	struct candidate *c;

	if (!view_is_fresh(&b->view))
		view_remake(&b->view);
	c = choose(b, r);
	if (c == NULL) {
		*why = refusal(b, r);
		return NULL;
	}
	c->server->nplaces++;
	if (b->view.balance->uses_group)
		(void)shm_group_take(b->view.group, b->worker, 0);
	return c->server;
}

void
backend_give(struct backend *b, struct server *s)
{
	s->nplaces--;
	shm_server_give(s->shared, b->worker);
	if (b->view.balance->uses_group)
		shm_group_give(b->view.group, b->worker);
	queue_freed(b->queue);
}

/* ---- what is learnt */

/*
 * An exponentially weighted average.  Of two workers that do this at once one sample is lost, which
 * does not matter.
 */
static void
learn_latency(struct shm_server *shared, int64_t sample_us)
{
	int64_t old = atomic_load_explicit(&shared->latency_us, memory_order_relaxed);
	msec at = atomic_load_explicit(&shared->latency_at_ms, memory_order_relaxed);

	if (old != 0 && clock_ms() - at < LATENCY_FRESH_MS)
		sample_us = old + (sample_us - old) / LATENCY_SHARE;
	if (sample_us < 1)
		sample_us = 1;
	if (sample_us > UINT32_MAX)
		sample_us = UINT32_MAX;
	atomic_store_explicit(&shared->latency_us, (uint32_t)sample_us, memory_order_relaxed);
	atomic_store_explicit(&shared->latency_at_ms, clock_ms(), memory_order_relaxed);
}

void
backend_first_byte(struct backend *b, struct server *s, int64_t us)
{
	if (b->conf->balance == BALANCE_LEAST_TIME)
		learn_latency(s->shared, us);
}

void
backend_report(struct backend *b, struct server *s, enum backend_outcome outcome)
{
	if (outcome == OUTCOME_GOOD)
		eject_good(&b->view, s);
	if (outcome != OUTCOME_BAD)
		return;
	eject_bad(&b->view, s);
	/* A server that fails at once is not the fastest one. */
	backend_first_byte(b, s, FAILURE_US);
}

void
backend_look(struct backend *b)
{
	if (!view_is_fresh(&b->view))
		view_remake(&b->view);
	queue_run(b->queue);
}

struct queue *
backend_queue(struct backend *b)
{
	return b->queue;
}

struct metrics_cell *
backend_cell(const struct backend *b)
{
	return b->cell;
}
