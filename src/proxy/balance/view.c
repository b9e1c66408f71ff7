/*
 * view.c - the servers of a backend as a worker sees them, and who of them can be used now.
 */
#include "proxy/balance/view.h"

#include <stdlib.h>

#include "base/mem.h"

enum { SLOW_START_STEPS = 10 };

_Static_assert(BALANCE_WEIGHT_UNIT % SLOW_START_STEPS == 0, "each step is a whole number");

/* ---- members */

static void
note_time(msec *until_ms, msec when_ms)
{
	if (when_ms < *until_ms)
		*until_ms = when_ms;
}

enum member_state
member_state(const struct shm_server *server, const struct shm_member *m, msec *until_ms)
{
	uint32_t order = atomic_load(&server->order);
	msec ejected_until = atomic_load(&server->ejected_until_ms);

	if (server->addr.len == 0 || order == ORDER_DISABLE ||
	    ((m->flags & MEMBER_DOWN) != 0 && order != ORDER_ENABLE))
		return MEMBER_OFF;
	if (atomic_load(&server->health) == HEALTH_DOWN)
		return MEMBER_FAILED;
	if (ejected_until > clock_ms()) {
		note_time(until_ms, ejected_until);
		return MEMBER_EJECTED;
	}
	if (order == ORDER_DRAIN ||
	    ((m->flags & MEMBER_DRAINING) != 0 && order != ORDER_ENABLE))
		return MEMBER_DRAINS;
	return MEMBER_USABLE;
}

uint32_t
member_weight(const struct shm_server *server, const struct shm_member *m, msec *until_ms)
{
	msec came_up = atomic_load(&server->up_since_ms);
	msec came_back = atomic_load(&server->ejected_until_ms);
	msec since = came_up > came_back ? came_up : came_back, step;

	/* One that is still ejected is used with try_all only, and so are all others then. */
	if (since == 0 || since > clock_ms() || clock_ms() - since >= (msec)m->slow_start_ms)
		return m->weight * BALANCE_WEIGHT_UNIT;
	step = (clock_ms() - since) * SLOW_START_STEPS / m->slow_start_ms + 1;
	note_time(until_ms, since + (step * m->slow_start_ms + SLOW_START_STEPS - 1) /
	    SLOW_START_STEPS);
	return (uint32_t)step * m->weight * (BALANCE_WEIGHT_UNIT / SLOW_START_STEPS);
}

/* ---- the list */

/* An open table, at most half full; ids are hashes already. */
static void
index_ids(struct view *w)
{
	uint32_t size = 2;

	while (size < 2 * w->n)
		size *= 2;
	w->id_mask = size - 1;
	w->by_id = mem_realloc(w->by_id, size, sizeof(*w->by_id));
	for (uint32_t i = 0; i < size; i++)
		w->by_id[i] = BALANCE_NONE;
	for (uint32_t i = 0; i < w->n; i++) {
		uint32_t at = w->v[i].as.id & w->id_mask;

		while (w->by_id[at] != BALANCE_NONE)
			at = (at + 1) & w->id_mask;
		w->by_id[at] = (uint16_t)i;
	}
}

struct view_member *
view_find(struct view *w, uint64_t id)
{
	uint32_t at = id & w->id_mask;

	for (; w->by_id[at] != BALANCE_NONE; at = (at + 1) & w->id_mask)
		if (w->v[w->by_id[at]].as.id == id)
			return &w->v[w->by_id[at]];
	return NULL;
}

static int
by_slot(const void *a, const void *b)
{
	const struct server *x = *(struct server *const *)a, *y = *(struct server *const *)b;

	if (x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	return x->serial < y->serial ? -1 : x->serial > y->serial;
}

/* The server of a member if it was known, among the first `n`, which are sorted. */
static struct server *
find_known(const struct view *w, uint32_t n, const struct shm_member *m)
{
	struct server key = { .slot = m->slot, .serial = m->serial }, *p = &key;
	struct server **found = n > 0 ? bsearch(&p, w->known, n, sizeof(p), by_slot) : NULL;

	return found != NULL ? *found : NULL;
}

static struct server *
make_known(struct view *w, const struct shm_member *m)
{
	struct shm_server *shared = &w->env.servers->slots[m->slot];
	struct server *s = server_new(w->env.conf, m, shared,
	    metrics_cell(w->env.metrics, shared->metric, w->env.worker), w->env.loop,
	    w->env.worker, w->env.pool, w->env.tls);

	w->known = mem_realloc(w->known, w->nknown + 1, sizeof(struct server *));
	w->known[w->nknown++] = s;
	return s;
}

/* Frees the servers that are members no more, as soon as nothing of theirs is in use. */
static void
forget_gone(struct view *w)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->nknown; i++) {
		struct server *s = w->known[i];

		if (!s->listed)
			server_drop_idle(s);
		if (s->listed || s->nconnections > 0 || s->nplaces > 0)
			w->known[n++] = s;
		else
			server_free(s);
	}
	w->nknown = n;
}

static void
make_ring(struct view *w)
{
	uint64_t *ids = mem_zalloc(w->n, sizeof(*ids));
	uint16_t *weights = mem_zalloc(w->n, sizeof(*weights));

	for (uint32_t i = 0; i < w->n; i++) {
		ids[i] = w->v[i].as.id;
		weights[i] = w->v[i].member.weight;
	}
	balance_ring_make(&w->ring, ids, weights, w->n);
	mem_free(ids);
	mem_free(weights);
}

static struct candidate
as_candidate(const struct view *w, const struct shm_member *m, uint32_t nsorted)
{
	struct server *s = find_known(w, nsorted, m);

	return (struct candidate){
		.shared = &w->env.servers->slots[m->slot],
		.server = s,
		.id = w->env.servers->slots[m->slot].id,
		.serial = m->serial,
		.max_conns = m->max_conns,
	};
}

/* Reads the list again if it has changed.  One whose writer died in the middle is not asked for
 * again at every request: only when its version moves. */
static void
read_list(struct view *w)
{
	static struct shm_member list[SHM_MEMBERS];
	uint32_t nsorted = w->nknown;
	int n;

	w->seen = atomic_load_explicit(&w->env.members->version, memory_order_acquire);
	n = shm_members_read(w->env.members, &w->version, list);
	if (n < 0)
		return;
	for (uint32_t i = 0; i < w->nknown; i++)
		w->known[i]->listed = false;
	w->n = (uint32_t)n;
	w->v = mem_realloc(w->v, w->n, sizeof(*w->v));
	for (uint32_t i = 0; i < w->n; i++) {
		struct candidate *c = &w->v[i].as;

		w->v[i].member = list[i];
		*c = as_candidate(w, &list[i], nsorted);
		if (c->server == NULL)
			c->server = make_known(w, &list[i]);
		c->server->listed = true;
	}
	if (w->nknown > 0)
		qsort(w->known, w->nknown, sizeof(struct server *), by_slot);
	index_ids(w);
	if (w->balance->uses_ring)
		make_ring(w);
}

/* ---- tiers */

/* Fills a tier with the members of this state: backups, or primaries. */
static void
fill(struct tier *t, const struct view *w, enum member_state state, bool backups)
{
	t->n = 0;
	t->weight = 0;
	t->v = mem_realloc(t->v, w->n, sizeof(*t->v));
	t->of_member = mem_realloc(t->of_member, w->n, sizeof(*t->of_member));
	for (uint32_t i = 0; i < w->n; i++) {
		const struct view_member *m = &w->v[i];

		t->of_member[i] = BALANCE_NONE;
		if (m->state != state || ((m->member.flags & MEMBER_BACKUP) != 0) != backups)
			continue;
		t->of_member[i] = (uint16_t)t->n;
		t->v[t->n++] = m->as;
		t->weight += m->as.weight;
	}
}

/* Those that are up; else, with try_all, those that were taken out, the better ones first. */
static void
fill_main(struct view *w)
{
	static const enum member_state states[] = {
		MEMBER_USABLE, MEMBER_EJECTED, MEMBER_FAILED,
	};
	size_t n = w->env.conf->try_all_down ? ARRAY_LEN(states) : 1;

	for (size_t i = 0; i < n; i++) {
		fill(&w->main, w, states[i], false);
		if (w->main.n == 0)
			fill(&w->main, w, states[i], true);
		if (w->main.n > 0)
			return;
	}
}

static void
finish(struct tier *t, const struct view *w)
{
	static uint32_t weights[SHM_MEMBERS];

	t->ring = w->balance->uses_ring ? &w->ring : NULL;
	if (w->balance->uses_ring)
		return;
	for (uint32_t i = 0; i < t->n; i++)
		weights[i] = t->v[i].weight;
	balance_sequence_make(&t->sequence, weights, t->n);
}

static void
make_tiers(struct view *w)
{
	fill_main(w);
	fill(&w->spare, w, MEMBER_USABLE, true);
	if (w->main.n > 0 && w->spare.n > 0 && w->main.v[0].server == w->spare.v[0].server)
		w->spare.n = 0;		/* no primary is up: the backups are in main */
	finish(&w->main, w);
	finish(&w->spare, w);
}

static void
free_tier(struct tier *t)
{
	mem_free(t->v);
	mem_free(t->of_member);
	balance_sequence_fini(&t->sequence);
}

/* ---- the view */

static void
look_at_members(struct view *w)
{
	bool keeps_draining = w->env.conf->sticky.cookie.p != NULL;

	for (uint32_t i = 0; i < w->n; i++) {
		struct view_member *m = &w->v[i];
		struct server *s = m->as.server;

		m->state = member_state(m->as.shared, &m->member, &w->until_ms);
		m->as.weight = member_weight(m->as.shared, &m->member, &w->until_ms);
		m->as.share = 1.0 / m->as.weight;
		s->usable = m->state == MEMBER_USABLE ||
		    (m->state == MEMBER_DRAINS && keeps_draining);
		if (!s->usable)
			server_drop_idle(s);
	}
}

void
view_remake(struct view *w)
{
	/* Read first, so that what changes while we look makes us look again. */
	w->epoch = atomic_load_explicit(&w->group->epoch, memory_order_acquire);
	w->until_ms = TIMER_NEVER;
	read_list(w);
	look_at_members(w);
	make_tiers(w);
	forget_gone(w);
}

void
view_init(struct view *w, const struct view_env *env)
{
	*w = (struct view){
		.env = *env,
		.balance = &balances[env->conf->balance],
		.group = &env->servers->groups[env->members->group],
	};
	index_ids(w);
	view_remake(w);
}

void
view_fini(struct view *w)
{
	for (uint32_t i = 0; i < w->nknown; i++)
		server_free(w->known[i]);
	mem_free(w->known);
	mem_free(w->v);
	mem_free(w->by_id);
	balance_ring_fini(&w->ring);
	free_tier(&w->main);
	free_tier(&w->spare);
}
