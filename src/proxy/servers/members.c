/*
 * members.c - what a configuration has in shared memory: lists of servers, rows of metrics.
 */
#include "proxy/servers/members.h"

#include <stdio.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/servers/names.h"
#include "proxy/servers/overrides.h"

enum { HTTP_PORT = 80, HTTPS_PORT = 443 };

/* A list in the making. */
struct list {
	const struct proxy_servers *from;
	struct tls_client *const *tls;
	const struct conf_backend *backend;
	bool newest;			/* see members_update() */
	bool cut;			/* for want of room in the list */
	bool failed;			/* for want of shared memory */
	uint32_t group;
	uint32_t n;
	struct shm_member v[SHM_MEMBERS];
};

/* ---- slots */

static const char *
scheme_name(enum conf_server_scheme s)
{
	static const char *const names[] = { "http", "https", "h2c" };

	return names[s];
}

/* The full text that a slot is found by. */
static struct str
slot_key(const struct conf_backend *b, const struct conf_server *s, const struct name_target *t,
    char out[SHM_SERVER_KEY])
{
	char text[ADDR_TEXT] = "unresolved";
	int n;

	if (t->addr.len > 0)
		addr_text(&t->addr, text);
	n = snprintf(out, SHM_SERVER_KEY, "%.*s|%s|%.*s|%u|%s", STR_ARG(b->name),
	    scheme_name(s->scheme), STR_ARG(t->host), s->port, text);
	return str_make(out, n < SHM_SERVER_KEY ? (size_t)n : SHM_SERVER_KEY - 1);
}

static uint32_t
server_row(struct proxy_shm *shm, const struct conf_backend *b, const struct conf_server *s,
    const struct addr *addr)
{
	char name[METRICS_NAME], text[ADDR_TEXT];
	int n;

	if (addr->len > 0)
		addr_text(addr, text);
	else
		snprintf(text, sizeof(text), "%.*s", STR_ARG(s->text));
	n = snprintf(name, sizeof(name), "%.*s|%s", STR_ARG(b->name), text);
	return metrics_row(&shm->metrics, METRICS_SERVER, str_make(name, (size_t)n));
}

static void
copy_text(char *out, size_t size, struct str text)
{
	snprintf(out, size, "%.*s", STR_ARG(text));
}

/* What `host_header = server` sends; the target of a service has its own. */
static void
set_host_field(struct shm_server *slot, const struct conf_server *s, struct str host)
{
	unsigned usual = s->scheme == SCHEME_HTTPS ? HTTPS_PORT : HTTP_PORT;

	if (!s->srv)
		copy_text(slot->host_field, sizeof(slot->host_field), s->host_field);
	else if (slot->port == usual)
		copy_text(slot->host_field, sizeof(slot->host_field), host);
	else
		snprintf(slot->host_field, sizeof(slot->host_field), "%.*s:%u", STR_ARG(host),
		    slot->port);
}

/* Says what a slot stands for, which is always the same but for the name. */
static void
describe(struct shm_server *slot, const struct list *list, const struct conf_server *s,
    const struct name_target *t)
{
	struct proxy_shm *shm = list->from->shm;

	copy_text(slot->name, sizeof(slot->name), s->text);
	if (slot->metric != 0)
		return;
	slot->addr = t->addr;
	slot->scheme = s->scheme;
	slot->port = t->addr.len > 0 ? addr_port(&t->addr) : s->port;
	slot->group = list->group;
	slot->metric = server_row(shm, list->backend, s, &t->addr);
	copy_text(slot->host, sizeof(slot->host), t->host);
	set_host_field(slot, s, t->host);
	if (t->addr.len == 0) {
		shm_server_set_health(&shm->servers, slot, HEALTH_DOWN);
		atomic_store(&slot->look.finding, FOUND_DNS);
	}
}

/* ---- lists */

static uint16_t
member_flags(const struct conf_server *s, const struct name_target *t, uint32_t line)
{
	return (uint16_t)((s->backup || t->backup ? MEMBER_BACKUP : 0) |
	    (s->down ? MEMBER_DOWN : 0) | (s->drains ? MEMBER_DRAINING : 0) |
	    (line == UINT32_MAX ? MEMBER_RUNTIME : 0));
}

static uint16_t
member_weight(const struct conf_server *s, const struct name_target *t, const struct override *o)
{
	if (o->weight > 0)
		return o->weight;
	return t->weight > 0 ? t->weight : (uint16_t)s->weight;
}

static uint32_t
slow_start_ms(const struct conf_backend *b, const struct conf_server *s)
{
	msec ms = s->slow_start_ms != CONF_OFF ? s->slow_start_ms : b->slow_start_ms;

	return ms != CONF_OFF ? (uint32_t)ms : 0;
}

static bool
has_address(const struct list *list, const struct addr *addr)
{
	for (uint32_t i = 0; i < list->n; i++)
		if (addr_eq(&list->from->shm->servers.slots[list->v[i].slot].addr, addr))
			return true;
	return false;
}

static bool
has_slot(const struct list *list, int slot)
{
	for (uint32_t i = 0; i < list->n; i++)
		if (list->v[i].slot == (uint32_t)slot)
			return true;
	return false;
}

/* What holds for an address: what was ordered for it goes before what was for all of the line. */
static struct override
override_of(const struct list *list, const struct conf_server *s, uint32_t line,
    const struct addr *addr, const struct override *whole)
{
	const struct str none = { NULL, 0 };
	struct override o = { .order = ORDER_NONE };
	const struct override *own;
	char text[ADDR_TEXT];

	if (whole != NULL)
		o = *whole;
	if (addr->len == 0)
		return o;
	own = overrides_find(list->from->overrides, list->backend->name,
	    str_make(text, addr_text(addr, text)), line != UINT32_MAX ? s->line : none);
	if (own == NULL)
		return o;
	o.order = own->order;
	o.removed = own->removed;
	if (own->weight > 0)
		o.weight = own->weight;
	return o;
}

/* Adds one address of a server. */
static void
add_member(struct list *list, const struct conf_server *s, uint32_t line,
    const struct name_target *t, const struct override *whole)
{
	struct shm_servers *servers = &list->from->shm->servers;
	struct override o = override_of(list, s, line, &t->addr, whole);
	char key[SHM_SERVER_KEY];
	struct shm_server *server;
	int slot;

	if (list->failed || o.removed || (t->addr.len > 0 && has_address(list, &t->addr)))
		return;
	if (list->n == SHM_MEMBERS) {
		list->cut = true;
		return;
	}
	slot = shm_server_slot(servers, slot_key(list->backend, s, t, key));
	if (slot < 0) {
		list->failed = true;
		return;
	}
	if (has_slot(list, slot))
		return;
	server = &servers->slots[slot];
	describe(server, list, s, t);
	if (list->newest)
		(void)shm_server_set_order(servers, server, o.order);
	list->v[list->n++] = (struct shm_member){
		.slot = (uint32_t)slot,
		.serial = atomic_load(&server->serial),
		.weight = member_weight(s, t, &o),
		.flags = member_flags(s, t, line),
		.max_conns = s->max_conns == CONF_OFF ? 0 : (uint32_t)s->max_conns,
		.slow_start_ms = slow_start_ms(list->backend, s),
		.line = line,
	};
}

/* Every address of a name is a server; without any the name itself is one. */
static void
add_server(struct list *list, const struct conf_server *s, uint32_t line,
    const struct override *o)
{
	const struct name_target unresolved = { .host = s->host }, *v;
	unsigned n;

	if (!names_find(list->from->names, s, &v, &n) || n == 0)
		add_member(list, s, line, &unresolved, o);
	for (unsigned i = 0; i < n; i++)
		add_member(list, s, line, &v[i], o);
}

static void
add_at_run_time(void *arg, const struct conf_server *s)
{
	struct list *list = arg;
	const struct conf_backend *b = list->backend;
	const struct override *o = overrides_find(list->from->overrides, b->name, s->text,
	    (struct str){ NULL, 0 });

	if (s->scheme != SCHEME_HTTPS || list->tls[b->index] != NULL)
		add_server(list, s, UINT32_MAX, o);
	else if (list->newest)
		log_warn("backend %.*s: server %.*s is left out: it was added while a reload took"
		    " the control socket away (reload once more)", STR_ARG(b->name),
		    STR_ARG(s->text));
}

static void
say_full(const struct conf_backend *b)
{
	log_error("backend %.*s: no room in shared memory for its servers, beside those of"
	    " generations that still drain (a shorter drain_timeout ends them sooner)",
	    STR_ARG(b->name));
}

/* False after an error line. */
static bool
make_list(struct list *list, const struct proxy_servers *from, const struct conf_backend *b,
    uint32_t group)
{
	list->from = from;
	list->backend = b;
	list->group = group;
	list->cut = list->failed = false;
	list->n = 0;
	for (unsigned i = 0; i < b->nservers; i++) {
		const struct conf_server *s = &b->servers[i];
		const struct override *o = overrides_find(from->overrides, b->name, s->text,
		    s->line);

		if (o == NULL || !o->removed)
			add_server(list, s, i, o);
	}
	overrides_each_added(from->overrides, b->name, add_at_run_time, list);
	if (list->cut)
		log_error("backend %.*s: more than %d servers; the rest is left out",
		    STR_ARG(b->name), SHM_MEMBERS);
	if (list->failed)
		say_full(b);
	return !list->failed;
}

/* ---- publishing */

static bool
publish_backend(struct members *m, const struct conf_backend *b, uint32_t generation,
    struct list *list, const struct proxy_servers *from)
{
	struct proxy_shm *shm = from->shm;
	int index = shm_members_index(&shm->servers, b->name, generation);

	if (index < 0) {
		say_full(b);
		return false;
	}
	if (!make_list(list, from, b, shm->servers.members[index].group))
		return false;
	shm_members_set(&shm->servers.members[index], list->v, list->n);
	m->lists[b->index] = index;
	m->backend_rows[b->index] = metrics_row(&shm->metrics, METRICS_BACKEND, b->name);
	return true;
}

struct members *
members_publish(const struct conf_snapshot *c, const struct proxy_servers *from,
    struct tls_client *const *tls, uint32_t generation)
{
	struct members *m = MEM_NEW(struct members);
	struct list *list = MEM_NEW(struct list);
	struct metrics *metrics = &from->shm->metrics;
	bool ok = true;

	list->tls = m->tls = tls;
	m->lists = mem_zalloc(c->nbackends, sizeof(*m->lists));
	m->backend_rows = mem_zalloc(c->nbackends, sizeof(uint32_t));
	m->listen_rows = mem_zalloc(c->nlistens, sizeof(uint32_t));
	m->route_rows = mem_zalloc(c->nroutes + 1, sizeof(uint32_t));
	for (unsigned i = 0; i < c->nbackends && ok; i++)
		ok = publish_backend(m, c->backends[i], generation, list, from);
	for (unsigned i = 0; i < c->nlistens; i++)
		m->listen_rows[i] = metrics_row(metrics, METRICS_LISTEN, c->listens[i]->name);
	for (unsigned i = 0; i < c->nroutes; i++)
		m->route_rows[i] = metrics_row(metrics, METRICS_ROUTE, c->routes[i]->name);
	m->route_rows[c->nroutes] = metrics_row(metrics, METRICS_ROUTE, STR_OF("-"));
	mem_free(list);
	if (ok)
		return m;
	members_free(m);
	return NULL;
}

static bool
same_list(const struct list *list, const struct shm_members *shared)
{
	return list->n == shared->n &&
	    memcmp(list->v, shared->list, list->n * sizeof(list->v[0])) == 0;
}

void
members_update(const struct members *m, const struct conf_snapshot *c,
    const struct proxy_servers *from, bool newest)
{
	struct shm_servers *servers = &from->shm->servers;
	struct list *list = MEM_NEW(struct list);

	list->tls = m->tls;
	list->newest = newest;
	for (unsigned i = 0; i < c->nbackends; i++) {
		struct shm_members *shared = &servers->members[m->lists[i]];

		if (!make_list(list, from, c->backends[i], shared->group) ||
		    same_list(list, shared))
			continue;
		shm_members_set(shared, list->v, list->n);
		shm_group_changed(&servers->groups[shared->group]);
	}
	mem_free(list);
}

void
members_free(struct members *m)
{
	if (m == NULL)
		return;
	mem_free(m->lists);
	mem_free(m->backend_rows);
	mem_free(m->listen_rows);
	mem_free(m->route_rows);
	mem_free(m);
}

void
members_sweep(struct proxy_shm *shm)
{
	const struct shm_servers *servers = &shm->servers;
	uint32_t n = atomic_load(servers->nslots);
	bool *used;

	if (!shm_servers_sweep(&shm->servers))
		return;
	used = mem_zalloc(atomic_load(shm->metrics.nrows), sizeof(*used));
	for (uint32_t i = 0; i < n; i++)
		if (servers->slots[i].key[0] != '\0')
			used[servers->slots[i].metric] = true;
	metrics_keep_servers(&shm->metrics, used);
	mem_free(used);
}
