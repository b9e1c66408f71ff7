/*
 * control_servers.c - the commands of usherctl that change servers.
 *
 * What is changed here goes to the overrides, and from there to the lists that all workers read.
 */
#include "base/mem.h"
#include "conf/server_line.h"
#include "process/control_commands.h"
#include "process/control_target.h"
#include "process/master_internal.h"
#include "proxy/servers/overrides.h"

static const struct str absent = { NULL, 0 };

static struct override_target
target_of(const struct control_target *t)
{
	return (struct override_target){
		.backend = t->backend->name,
		.server = t->server->text,
		.line = t->added ? absent : t->server->line,
		.address = t->key.p == t->address ? t->key : absent,
	};
}

static bool
is_removed(struct master *m, const struct control_target *t)
{
	const struct override *o = overrides_find(m->servers.overrides, t->backend->name, t->key,
	    t->added ? absent : t->server->line);

	return o != NULL && o->removed;
}

/* Finds the server, which must not have been removed. */
static bool
find_present(struct master *m, struct control_request *r, struct control_target *t)
{
	if (!control_find_target(m, r, t))
		return false;
	if (!is_removed(m, t))
		return true;
	buf_printf(&r->out, "server %.*s was removed (reset %.*s %.*s brings it back)\n",
	    STR_ARG(t->key), STR_ARG(t->backend->name), STR_ARG(t->key));
	return false;
}

/* How many requests are under way at the server. */
static unsigned
in_flight(struct master *m, const struct control_target *t)
{
	struct control_members members;
	unsigned n = 0;

	control_members_copy(m, t->backend, &members);
	for (int i = 0; i < members.n; i++)
		if (control_is_meant(m, t, &members.v[i]))
			n += m->shm.servers.slots[members.v[i].slot].in_flight;
	mem_free(members.v);
	return n;
}

static enum control_result
say(struct master *m, struct control_request *r, const struct control_target *t, const char *what)
{
	unsigned n = in_flight(m, t);

	buf_printf(&r->out, "backend %.*s: server %.*s %s; %u request%s under way\n",
	    STR_ARG(t->backend->name), STR_ARG(t->key), what, n, n == 1 ? "" : "s");
	return CONTROL_OK;
}

static enum control_result
order(struct master *m, struct control_request *r, enum shm_order order, const char *what)
{
	struct override_target target;
	struct control_target t;

	if (!find_present(m, r, &t))
		return CONTROL_FAILED;
	target = target_of(&t);
	overrides_order(m->servers.overrides, &target, order);
	master_follow_servers(&m->servers_task);
	return say(m, r, &t, what);
}

enum control_result
control_servers_drain(struct master *m, struct control_request *r)
{
	return order(m, r, ORDER_DRAIN, "drains");
}

enum control_result
control_servers_disable(struct master *m, struct control_request *r)
{
	return order(m, r, ORDER_DISABLE, "is disabled");
}

/* Ends an ejection. */
static void
forgive(struct shm_servers *servers, struct shm_server *server)
{
	atomic_store(&server->errors, 0);
	atomic_store(&server->ejected_until_ms, 0);
	shm_group_changed(&servers->groups[server->group]);
}

static void
pardon(struct master *m, const struct control_target *t)
{
	struct control_members members;

	control_members_copy(m, t->backend, &members);
	for (int i = 0; i < members.n; i++)
		if (control_is_meant(m, t, &members.v[i]))
			forgive(&m->shm.servers, &m->shm.servers.slots[members.v[i].slot]);
	mem_free(members.v);
}

enum control_result
control_servers_enable(struct master *m, struct control_request *r)
{
	struct override_target target;
	struct control_target t;

	if (!find_present(m, r, &t))
		return CONTROL_FAILED;
	target = target_of(&t);
	overrides_order(m->servers.overrides, &target, t.server->down || t.server->drains ?
	    ORDER_ENABLE : ORDER_NONE);
	pardon(m, &t);
	master_follow_servers(&m->servers_task);
	return say(m, r, &t, "is enabled");
}

enum control_result
control_servers_weight(struct master *m, struct control_request *r)
{
	struct override_target target;
	struct control_target t;
	uint64_t weight;

	if (!str_uint(r->words[3], CONF_WEIGHT_MAX, &weight) || weight == 0) {
		buf_printf(&r->out, "%.*s is no weight, 1 to %d (drain and disable stop"
		    " requests)\n", STR_ARG(r->words[3]), CONF_WEIGHT_MAX);
		return CONTROL_USAGE;
	}
	if (!find_present(m, r, &t))
		return CONTROL_FAILED;
	target = target_of(&t);
	overrides_weigh(m->servers.overrides, &target, (uint16_t)weight);
	master_follow_servers(&m->servers_task);
	buf_printf(&r->out, "backend %.*s: server %.*s has the weight %u\n",
	    STR_ARG(t.backend->name), STR_ARG(t.key), (unsigned)weight);
	return CONTROL_OK;
}

/* ---- adding and removing */

struct collision {
	const struct conf_server *server, *found;
	unsigned n;
};

static void
collide(void *arg, const struct conf_server *other)
{
	struct collision *c = arg;

	c->n++;
	if (str_eq(other->host, c->server->host) && other->port == c->server->port)
		c->found = other;
}

/* Whether the server can be added; false after a message. */
static bool
may_add(struct master *m, struct control_request *r, const struct conf_backend *b,
    const struct conf_server *server)
{
	struct collision c = { .server = server };

	for (unsigned i = 0; i < b->nservers; i++)
		collide(&c, &b->servers[i]);
	overrides_each_added(m->servers.overrides, b->name, collide, &c);
	if (c.found != NULL)
		buf_printf(&r->out, "backend %.*s has the server %.*s already (reset, enable and"
		    " weight change it)\n", STR_ARG(b->name), STR_ARG(c.found->text));
	else if (c.n >= SHM_MEMBERS)
		buf_printf(&r->out, "backend %.*s has %u servers already\n", STR_ARG(b->name), c.n);
	else
		return true;
	return false;
}

enum control_result
control_servers_add(struct master *m, struct control_request *r)
{
	const struct conf_backend *b = control_find_backend(m, r, r->words[1]);
	enum control_result result = CONTROL_FAILED;
	struct conf_server server;
	struct arena arena;
	struct buf line;
	struct str why;

	if (b == NULL)
		return CONTROL_FAILED;
	arena_init(&arena);
	buf_init(&line);
	for (unsigned i = 2; i < r->nwords; i++)
		buf_printf(&line, "%.*s ", STR_ARG(r->words[i]));
	if (!conf_server_parse(&arena, buf_view(&line), &server, &why)) {
		buf_printf(&r->out, "%.*s\n", STR_ARG(why));
		result = CONTROL_USAGE;
	} else if (may_add(m, r, b, &server)) {
		overrides_add(m->servers.overrides, b->name, &server);
		master_follow_servers(&m->servers_task);
		buf_printf(&r->out, "backend %.*s: server %.*s was added\n", STR_ARG(b->name),
		    STR_ARG(server.text));
		result = CONTROL_OK;
	}
	buf_fini(&line);
	arena_fini(&arena);
	return result;
}

enum control_result
control_servers_remove(struct master *m, struct control_request *r)
{
	struct override_target target;
	struct control_target t;

	if (!find_present(m, r, &t))
		return CONTROL_FAILED;
	say(m, r, &t, "was removed");
	target = target_of(&t);
	if (t.added && target.address.p == NULL)
		overrides_reset(m->servers.overrides, t.backend->name, t.key);
	else
		overrides_remove(m->servers.overrides, &target);
	master_follow_servers(&m->servers_task);
	return CONTROL_OK;
}

/* By the name of its change; then by what the server is called otherwise. */
static bool
reset_server(struct master *m, struct control_request *r, const struct conf_backend *b, bool *any)
{
	struct control_target t;

	*any = overrides_reset(m->servers.overrides, b->name, r->words[2]);
	if (*any)
		return true;
	if (!control_find_target(m, r, &t))
		return false;
	*any = overrides_reset(m->servers.overrides, b->name, t.key);
	return true;
}

enum control_result
control_servers_reset(struct master *m, struct control_request *r)
{
	const struct conf_backend *b = NULL;
	bool any;

	if (r->nwords > 1 && (b = control_find_backend(m, r, r->words[1])) == NULL)
		return CONTROL_FAILED;
	if (r->nwords > 2) {
		if (!reset_server(m, r, b, &any))
			return CONTROL_FAILED;
	} else {
		any = overrides_reset(m->servers.overrides, b != NULL ? b->name : absent, absent);
	}
	if (any)
		master_follow_servers(&m->servers_task);
	buf_cstr(&r->out, any ? "back to the configuration\n" : "nothing was changed before\n");
	return CONTROL_OK;
}
