/*
 * members.c - what a configuration has in shared memory: lists of servers, rows of metrics.
 */
#include "proxy/members.h"

#include <netdb.h>
#include <stdio.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"

/* A list in the making. */
struct list {
	struct shm_member v[SHM_MEMBERS];
	uint32_t n;
	uint32_t group;
};

static const char *
scheme_name(enum conf_server_scheme s)
{
	static const char *const names[] = { "http", "https", "h2c" };

	return names[s];
}

/* The full text that a slot is found by. */
static struct str
slot_key(const struct conf_backend *b, const struct conf_server *s, const struct addr *addr,
    char out[SHM_SERVER_KEY])
{
	char text[ADDR_TEXT] = "unresolved";
	int n;

	if (addr->len > 0)
		addr_text(addr, text);
	n = snprintf(out, SHM_SERVER_KEY, "%.*s|%s|%.*s|%u|%s", STR_ARG(b->name),
	    scheme_name(s->scheme), STR_ARG(s->host), s->port, text);
	return str_make(out, n < SHM_SERVER_KEY ? (size_t)n : SHM_SERVER_KEY - 1);
}

static uint32_t
server_row(struct proxy_shm *shm, const struct conf_backend *b, const struct addr *addr,
    const struct conf_server *s)
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

/* Says what a slot stands for, which is always the same but for the name. */
static void
describe(struct shm_server *slot, struct proxy_shm *shm, const struct conf_backend *b,
    const struct conf_server *s, const struct addr *addr, uint32_t group)
{
	copy_text(slot->name, sizeof(slot->name), s->text);
	if (slot->metric != 0)
		return;
	slot->addr = *addr;
	slot->scheme = s->scheme;
	slot->port = s->port;
	slot->group = group;
	slot->metric = server_row(shm, b, addr, s);
	copy_text(slot->host, sizeof(slot->host), s->host);
	copy_text(slot->host_field, sizeof(slot->host_field), s->host_field);
	if (addr->len == 0) {
		shm_server_set_health(&shm->servers, slot, HEALTH_DOWN);
		atomic_store(&slot->look.finding, FOUND_DNS);
	}
}

static uint16_t
member_flags(const struct conf_server *s)
{
	return (uint16_t)((s->backup ? MEMBER_BACKUP : 0) | (s->down ? MEMBER_DOWN : 0));
}

static uint32_t
slow_start_ms(const struct conf_backend *b, const struct conf_server *s)
{
	msec ms = s->slow_start_ms != CONF_OFF ? s->slow_start_ms : b->slow_start_ms;

	return ms != CONF_OFF ? (uint32_t)ms : 0;
}

/* Adds one address of a server; false when there is no room. */
static bool
add_member(struct list *list, struct proxy_shm *shm, const struct conf_backend *b, unsigned line,
    const struct addr *addr)
{
	const struct conf_server *s = &b->servers[line];
	char key[SHM_SERVER_KEY];
	int slot;

	if (list->n == SHM_MEMBERS) {
		log_error("backend %.*s: more than %d server addresses", STR_ARG(b->name),
		    SHM_MEMBERS);
		return false;
	}
	slot = shm_server_slot(&shm->servers, slot_key(b, s, addr, key));
	if (slot < 0) {
		log_error("backend %.*s: server %.*s: no room in shared memory", STR_ARG(b->name),
		    STR_ARG(s->text));
		return false;
	}
	describe(&shm->servers.slots[slot], shm, b, s, addr, list->group);
	list->v[list->n++] = (struct shm_member){
		.slot = (uint32_t)slot,
		.serial = atomic_load(&shm->servers.slots[slot].serial),
		.weight = (uint16_t)s->weight,
		.flags = member_flags(s),
		.max_conns = s->max_conns == CONF_OFF ? 0 : (uint32_t)s->max_conns,
		.slow_start_ms = slow_start_ms(b, s),
		.line = line,
	};
	return true;
}

static bool
add_unix(struct list *list, struct proxy_shm *shm, const struct conf_backend *b, unsigned line)
{
	const struct conf_server *s = &b->servers[line];
	struct addr addr = { .len = sizeof(addr.un) };

	addr.un.sun_family = AF_UNIX;
	if (s->host.n >= sizeof(addr.un.sun_path)) {
		log_error("backend %.*s: server unix:%.*s: the path is too long", STR_ARG(b->name),
		    STR_ARG(s->host));
		return false;
	}
	memcpy(addr.un.sun_path, s->host.p, s->host.n + 1);
	return add_member(list, shm, b, line, &addr);
}

/* Every address of the name is a server. */
static bool
add_resolved(struct list *list, struct proxy_shm *shm, const struct conf_backend *b, unsigned line)
{
	const struct conf_server *s = &b->servers[line];
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *all = NULL;
	char port[8];
	bool ok = true;
	int error;

	snprintf(port, sizeof(port), "%u", s->port);
	error = getaddrinfo(s->host.p, port, &hints, &all);
	if (error != 0) {
		struct addr none = { .len = 0 };

		log_warn("backend %.*s: server %.*s: does not resolve, so it is down: %s",
		    STR_ARG(b->name), STR_ARG(s->text), gai_strerror(error));
		return add_member(list, shm, b, line, &none);
	}
	for (struct addrinfo *i = all; i != NULL && ok; i = i->ai_next) {
		struct addr addr = { .len = i->ai_addrlen };

		memcpy(&addr.sa, i->ai_addr, i->ai_addrlen);
		ok = add_member(list, shm, b, line, &addr);
	}
	freeaddrinfo(all);
	return ok;
}

static bool
publish_backend(struct members *m, struct proxy_shm *shm, const struct conf_backend *b,
    uint32_t generation, struct list *list)
{
	int index = shm_members_index(&shm->servers, b->name, generation);

	if (index < 0) {
		log_error("backend %.*s: no room in shared memory", STR_ARG(b->name));
		return false;
	}
	list->n = 0;
	list->group = shm->servers.members[index].group;
	for (unsigned i = 0; i < b->nservers; i++)
		if (!(b->servers[i].port == 0 ? add_unix(list, shm, b, i) :
		    add_resolved(list, shm, b, i)))
			return false;
	shm_members_set(&shm->servers.members[index], list->v, list->n);
	m->lists[b->index] = index;
	m->backend_rows[b->index] = metrics_row(&shm->metrics, METRICS_BACKEND, b->name);
	return true;
}

struct members *
members_publish(const struct conf_snapshot *c, struct proxy_shm *shm, uint32_t generation)
{
	struct members *m = MEM_NEW(struct members);
	struct list *list = MEM_NEW(struct list);
	bool ok = true;

	m->lists = mem_zalloc(c->nbackends, sizeof(*m->lists));
	m->backend_rows = mem_zalloc(c->nbackends, sizeof(uint32_t));
	m->listen_rows = mem_zalloc(c->nlistens, sizeof(uint32_t));
	m->route_rows = mem_zalloc(c->nroutes + 1, sizeof(uint32_t));
	for (unsigned i = 0; i < c->nbackends && ok; i++)
		ok = publish_backend(m, shm, c->backends[i], generation, list);
	for (unsigned i = 0; i < c->nlistens; i++)
		m->listen_rows[i] = metrics_row(&shm->metrics, METRICS_LISTEN, c->listens[i]->name);
	for (unsigned i = 0; i < c->nroutes; i++)
		m->route_rows[i] = metrics_row(&shm->metrics, METRICS_ROUTE, c->routes[i]->name);
	m->route_rows[c->nroutes] = metrics_row(&shm->metrics, METRICS_ROUTE, STR_OF("-"));
	mem_free(list);
	if (ok)
		return m;
	members_free(m);
	return NULL;
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
