/*
 * backend.c - a named group of servers as a worker sees it.
 *
 *	shm_members (versioned) ──refresh()──► servers ──► sequence, backup sequence
 *	shared cursor ──► the turn of this request
 */
#include "proxy/backend.h"

#include "base/check.h"
#include "base/mem.h"
#include "proxy/balance.h"

/* An order to walk: indexes into servers. */
struct sequence {
	uint16_t *v;
	uint32_t period;
};

struct backend {
	const struct conf_backend *conf;
	struct shm_members *members;
	struct backend_env env;
	struct metrics_cell *cell;
	uint64_t version;		/* of the list that `servers` shows */
	struct server **servers;	/* the members, in the order of the list */
	uint32_t n;
	struct server **known;		/* all that ever were members: pools outlive a list */
	uint32_t nknown;
	struct shm_member *list;	/* beside them */
	struct shm_group *group;
	struct queue *queue;
	struct sequence primary;
	struct sequence backup;
};

static struct server *
find_or_make(struct backend *b, const struct shm_member *m)
{
	struct server *s;

	for (uint32_t i = 0; i < b->nknown; i++)
		if (b->known[i]->slot == m->slot && b->known[i]->serial == m->serial)
			return b->known[i];
	s = server_new(b->conf, m, &b->env.servers->slots[m->slot],
	    metrics_cell(b->env.metrics, b->env.servers->slots[m->slot].metric, b->env.worker),
	    b->env.loop, b->env.worker, &b->env.tls[b->conf->index]);
	b->known = mem_realloc(b->known, b->nknown + 1, sizeof(struct server *));
	b->known[b->nknown++] = s;
	return s;
}

static void
make_sequence(struct sequence *out, const struct shm_member *list, uint32_t n, bool backup)
{
	uint16_t *weights = mem_zalloc(n, sizeof(*weights));
	uint16_t *v = mem_zalloc(BALANCE_PERIOD_MAX, sizeof(*v));

	for (uint32_t i = 0; i < n; i++)
		weights[i] = (list[i].flags & MEMBER_DOWN) == 0 &&
		    ((list[i].flags & MEMBER_BACKUP) != 0) == backup ? list[i].weight : 0;
	mem_free(out->v);
	out->period = balance_sequence(weights, n, v);
	out->v = mem_realloc(v, out->period, sizeof(*v));
	mem_free(weights);
}

/* Reads the list again if it has changed. */
static void
refresh(struct backend *b)
{
	static struct shm_member list[SHM_MEMBERS];
	int n = shm_members_read(b->members, &b->version, list);

	if (n < 0)
		return;
	b->servers = mem_realloc(b->servers, (size_t)n, sizeof(struct server *));
	b->n = (uint32_t)n;
	b->list = mem_realloc(b->list, (size_t)n, sizeof(*list));
	memcpy(b->list, list, (size_t)n * sizeof(*list));
	for (uint32_t i = 0; i < b->n; i++) {
		b->servers[i] = find_or_make(b, &list[i]);
		b->servers[i]->usable = true;
	}
	make_sequence(&b->primary, list, b->n, false);
	make_sequence(&b->backup, list, b->n, true);
}

struct backend *
backend_new(const struct conf_backend *conf, struct shm_members *members, uint32_t metric_row,
    const struct backend_env *env)
{
	struct backend *b = MEM_NEW(struct backend);

	b->conf = conf;
	b->members = members;
	b->env = *env;
	b->cell = metrics_cell(env->metrics, metric_row, env->worker);
	b->group = &env->servers->groups[members->group];
	b->queue = queue_new(&conf->queue, b->group, env->core, env->loop, env->worker);
	refresh(b);
	return b;
}

void
backend_free(struct backend *b)
{
	if (b == NULL)
		return;
	for (uint32_t i = 0; i < b->nknown; i++)
		server_free(b->known[i]);
	queue_free(b->queue);
	mem_free(b->known);
	mem_free(b->list);
	mem_free(b->servers);
	mem_free(b->primary.v);
	mem_free(b->backup.v);
	mem_free(b);
}

static bool
was_tried(const struct backend_tried *tried, const struct server *s)
{
	for (unsigned i = 0; i < tried->n; i++)
		if (tried->v[i] == s->id)
			return true;
	return false;
}

static bool
is_up(const struct server *s, const struct shm_member *m)
{
	uint32_t order = atomic_load(&s->shared->order);

	if (order == ORDER_DRAIN || order == ORDER_DISABLE ||
	    ((m->flags & MEMBER_DOWN) != 0 && order != ORDER_ENABLE))
		return false;
	return atomic_load(&s->shared->health) != HEALTH_DOWN;
}

static struct server *
walk(struct backend *b, const struct sequence *seq, uint64_t turn,
    const struct backend_tried *tried, enum backend_refusal *why)
{
	for (uint32_t i = 0; i < seq->period; i++) {
		uint32_t at = seq->v[(turn + i) % seq->period];
		struct server *s = b->servers[at];

		if (!is_up(s, &b->list[at]))
			continue;
		*why = BACKEND_FULL;
		if ((tried == NULL || !was_tried(tried, s)) &&
		    shm_server_take(s->shared, b->env.worker, b->list[at].max_conns))
			return s;
	}
	return NULL;
}

struct server *
backend_take(struct backend *b, const struct backend_request *r, enum backend_refusal *why)
{
	const struct backend_tried *tried = &r->tried;
	uint64_t turn;
	struct server *s;

	if (atomic_load_explicit(&b->members->version, memory_order_acquire) != b->version)
		refresh(b);
	*why = BACKEND_DOWN;
	turn = atomic_fetch_add_explicit(&b->members->cursor, 1, memory_order_relaxed);
	if ((s = walk(b, &b->primary, turn, tried, why)) != NULL ||
	    (s = walk(b, &b->backup, turn, tried, why)) != NULL || tried->n == 0)
		return s;
	if ((s = walk(b, &b->primary, turn, NULL, why)) != NULL)
		return s;
	return walk(b, &b->backup, turn, NULL, why);
}

void
backend_give(struct backend *b, struct server *s)
{
	shm_server_give(s->shared, b->env.worker);
	queue_freed(b->queue);
}

void
backend_report(struct backend *b, struct server *s, enum backend_outcome outcome,
    int64_t first_byte_us)
{
	(void)b, (void)s, (void)outcome, (void)first_byte_us;
}

void
backend_look(struct backend *b)
{
	queue_run(b->queue);
}

uint64_t
backend_hash_text(struct str text)
{
	return str_hash(text, 0);
}

uint64_t
backend_hash_client(const struct ip_port *client)
{
	return str_hash(str_make((const char *)client->ip, client->family == AF_INET6 ? 8 : 16), 0);
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
