/*
 * checks.c - active health checks: which servers are looked at, and when.
 *
 *	timer ─► waiting ─► probe ─► health ─► shared memory, log ─► workers wake
 *	  ▲                              │
 *	  └──────────────────────────────┘
 */
#include "proxy/servers/checks_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/rng.h"

enum {
	PROBES_MAX = 256,		/* at once */
	/* Of servers that are down: dead ones are slow, and must not keep the living waiting. */
	PROBES_DOWN_MAX = PROBES_MAX / 2,
	GRAIN_MS = 20,			/* looks begin together, which saves turns of the loop */
	GRAIN_FROM_MS = 500,
};

/* ---- whose turn it is */

static void start_waiting(struct checks *c);

static msec
coarse(msec interval_ms, msec when_ms)
{
	return interval_ms < GRAIN_FROM_MS ? when_ms :
	    (when_ms + GRAIN_MS - 1) / GRAIN_MS * GRAIN_MS;
}

static void
set_timer(struct check *k)
{
	msec interval = k->backend->check.interval_ms, next;

	/* After a first round at once, the looks of many servers are spread over the interval. */
	if (k->first_round && k->health.state == HEALTH_UP && k->health.good)
		next = clock_ms() + 1 + (msec)rng_below((uint64_t)interval);
	else
		next = k->began_ms + health_jitter(health_wait(&k->health, interval), rng_next());
	k->first_round = false;
	if (next <= clock_ms())
		next = clock_ms() + 1;
	loop_timer_set(k->all->loop, &k->timer, coarse(interval, next));
}

static void
end_probe(struct check *k)
{
	k->probe = NULL;
	k->all->running--;
	if (k->counted_down)
		k->all->running_down--;
	k->counted_down = false;
}

static void
on_probe_done(void *arg, const struct probe_result *r)
{
	struct check *k = arg;

	end_probe(k);
	checks_record(k, r);
	set_timer(k);
	start_waiting(k->all);
}

static void
start(struct check *k)
{
	struct checks *c = k->all;
	const struct probe_target target = { k->backend, k->server, *k->tls, c->chroot };

	link_remove(&k->waiting);
	k->began_ms = clock_ms();
	k->counted_down = k->health.state == HEALTH_DOWN;
	c->running++;
	if (k->counted_down)
		c->running_down++;
	k->probe = probe_start(c->loop, &target, on_probe_done, k);
}

static struct link *
next_waiting(struct checks *c)
{
	struct link *l = NULL;

	if (c->running < PROBES_MAX)
		l = list_first(&c->waiting_up);
	if (l == NULL && c->running < PROBES_MAX && c->running_down < PROBES_DOWN_MAX)
		l = list_first(&c->waiting_down);
	return l;
}

static void
start_waiting(struct checks *c)
{
	struct link *l;

	while ((l = next_waiting(c)) != NULL)
		start(CONTAINER_OF(l, struct check, waiting));
}

static void
enqueue(struct check *k)
{
	struct checks *c = k->all;

	list_append(k->health.state == HEALTH_DOWN ? &c->waiting_down : &c->waiting_up,
	    &k->waiting);
}

static void
on_timer(struct timer *t)
{
	struct check *k = CONTAINER_OF(t, struct check, timer);

	enqueue(k);
	start_waiting(k->all);
}

/* ---- which servers are checked */

/* Neither waits for its time or turn, nor is looked at. */
static void
halt(struct check *k)
{
	loop_timer_cancel(k->all->loop, &k->timer);
	link_remove(&k->waiting);
	if (k->probe == NULL)
		return;
	probe_cancel(k->probe);
	end_probe(k);
}

static void
begin(struct check *k)
{
	halt(k);
	k->first_round = true;
	enqueue(k);
}

static struct check *
new_check(struct checks *c, uint32_t slot)
{
	struct check *k = MEM_NEW(struct check);

	k->all = c;
	k->server = &c->shm->servers.slots[slot];
	k->serial = atomic_load(&k->server->serial);
	k->health.state = atomic_load(&k->server->health);
	timer_init(&k->timer, on_timer);
	link_init(&k->waiting);
	c->by_slot[slot] = k;
	return k;
}

static void
drop_check(struct checks *c, uint32_t slot)
{
	struct check *k = c->by_slot[slot];

	c->by_slot[slot] = NULL;
	halt(k);
	/* Otherwise the slot is free, or another server's by now. */
	if (atomic_load(&k->server->serial) == k->serial && k->server->key[0] != '\0') {
		atomic_store(&k->server->look.finding, FOUND_NOTHING);
		atomic_store(&k->server->look.status, 0);
		atomic_store(&k->server->look.in_row, 0);
		atomic_store(&k->server->look.changed_wall_ms, 0);
		if (shm_server_set_health(&c->shm->servers, k->server, HEALTH_UNCHECKED))
			checks_tell_workers(c);
	}
	mem_free(k);
}

static bool
same_question(const struct conf_check *a, const struct conf_check *b)
{
	return (a->kind == CHECK_HTTP) == (b->kind == CHECK_HTTP) && a->port == b->port &&
	    str_eq(a->target, b->target) && str_eq(a->host, b->host) && str_eq(a->body, b->body) &&
	    memcmp(a->expect, b->expect, sizeof(a->expect)) == 0;
}

static bool
same_pace(const struct conf_check *a, const struct conf_check *b)
{
	return a->interval_ms == b->interval_ms && a->timeout_ms == b->timeout_ms &&
	    a->rise == b->rise && a->fall == b->fall;
}

static void
use_member(struct checks *c, const struct conf_backend *b, uint32_t slot,
    struct tls_client *const *tls)
{
	struct check *k = c->by_slot[slot];
	bool same = false, paced = false;

	if (k != NULL && k->serial != atomic_load(&c->shm->servers.slots[slot].serial)) {
		drop_check(c, slot);
		k = NULL;
	}
	if (k == NULL) {
		k = new_check(c, slot);
	} else {
		same = same_question(&k->backend->check, &b->check);
		paced = same_pace(&k->backend->check, &b->check);
	}
	k->backend = b;
	k->tls = tls;
	k->wanted = true;
	if (same && k->probe != NULL)
		probe_renew(k->probe, b);
	if (!same)
		k->health.in_row = 0;
	if (!same || !paced)
		begin(k);
}

/* What the configuration takes out is not looked at, unless an operator has put it in again. */
static bool
is_checked(const struct shm_member *member, const struct shm_server *server)
{
	if ((member->flags & MEMBER_DOWN) && atomic_load(&server->order) != ORDER_ENABLE)
		return false;
	return server->addr.len != 0;
}

static void
use_backend(struct checks *c, const struct conf_backend *b, const struct shm_members *members,
    struct tls_client *const *tls, struct shm_member *list)
{
	enum conf_check_kind kind = b->check.kind;
	uint64_t version = 0;
	int n = shm_members_read(members, &version, list);

	if (kind == CHECK_OFF || (kind == CHECK_DEFAULT && n < 2))
		return;
	for (int i = 0; i < n; i++)
		if (is_checked(&list[i], &c->shm->servers.slots[list[i].slot]))
			use_member(c, b, list[i].slot, tls);
}

void
checks_use(struct checks *c, const struct conf_snapshot *conf, const struct members *m,
    struct tls_client *const *tls)
{
	struct shm_member *list = mem_zalloc(SHM_MEMBERS, sizeof(*list));

	c->chroot = conf != NULL ? conf->global.chroot : (struct str){ NULL, 0 };
	for (uint32_t i = 0; i < SHM_SERVERS; i++)
		if (c->by_slot[i] != NULL)
			c->by_slot[i]->wanted = false;
	for (unsigned i = 0; conf != NULL && i < conf->nbackends; i++)
		use_backend(c, conf->backends[i], &c->shm->servers.members[m->lists[i]], &tls[i],
		    list);
	for (uint32_t i = 0; i < SHM_SERVERS; i++)
		if (c->by_slot[i] != NULL && !c->by_slot[i]->wanted)
			drop_check(c, i);
	mem_free(list);
	start_waiting(c);
}

struct checks *
checks_new(struct loop *loop, struct proxy_shm *shm)
{
	struct checks *c = MEM_NEW(struct checks);

	c->loop = loop;
	c->shm = shm;
	c->by_slot = mem_zalloc(SHM_SERVERS, sizeof(*c->by_slot));
	link_init(&c->waiting_up);
	link_init(&c->waiting_down);
	timer_init(&c->wake, checks_on_wake);
	return c;
}

void
checks_free(struct checks *c)
{
	if (c == NULL)
		return;
	for (uint32_t i = 0; i < SHM_SERVERS; i++) {
		struct check *k = c->by_slot[i];

		if (k != NULL)
			halt(k);
		mem_free(k);
	}
	loop_timer_cancel(c->loop, &c->wake);
	mem_free(c->by_slot);
	mem_free(c);
}
