/*
 * control_list.c - the list of servers, for usherctl.
 */
#include <inttypes.h>

#include "base/check.h"
#include "base/mem.h"
#include "process/control_commands.h"
#include "process/control_table.h"
#include "process/control_target.h"
#include "process/master_internal.h"
#include "proxy/servers/overrides.h"
#include "proxy/servers/standing.h"

static const struct control_column columns[] = {
	{ "BACKEND", "backend", false },
	{ "SERVER", "server", false },
	{ "ADDRESS", "address", false },
	{ "STATE", "state", false },
	{ "FROM", "from", false },
	{ "REASON", "reason", false },
	{ "WEIGHT", NULL, true },
	{ NULL, "weight", true },
	{ NULL, "configured_weight", true },
	{ NULL, "backup", true },
	{ NULL, "added", true },
	{ NULL, "max_conns", true },
	{ "REQUESTS", "requests", true },
	{ NULL, "connections", true },
	{ "LAST CHECK", NULL, false },
	{ NULL, "check", false },
	{ NULL, "check_status", true },
	{ NULL, "check_latency_us", true },
	{ NULL, "checked", true },
	{ NULL, "changed", true },
};

enum { CHECK_COLUMNS = 6 };		/* the last ones, add_check() */

static const struct str none = { NULL, 0 };

static void
add_bool(struct control_table *t, bool value)
{
	control_table_add(t, str_of(value ? "true" : "false"));
}

/* 0: there is none. */
static void
add_number_or_none(struct control_table *t, uint64_t n)
{
	if (n > 0)
		control_table_number(t, n);
	else
		control_table_add(t, none);
}

static const char *
finding_of(const struct shm_look *look)
{
	uint32_t finding = look->finding;

	return finding < FOUND_KINDS ? shm_finding_names[finding] : "";
}

/* `ok, 1.2 ms, 3 s ago` */
static void
add_check_text(struct control_table *t, const struct shm_look *look)
{
	uint64_t now = (uint64_t)clock_wall_ms(), at = look->at_wall_ms;
	uint64_t age_s = now > at ? (now - at) / 1000 : 0;

	if (at == 0)
		control_table_add(t, none);
	else if (look->status != 0)
		control_table_printf(t, "%s, %u, %.1f ms, %" PRIu64 " s ago", finding_of(look),
		    look->status, look->latency_us / 1000.0, age_s);
	else
		control_table_printf(t, "%s, %.1f ms, %" PRIu64 " s ago", finding_of(look),
		    look->latency_us / 1000.0, age_s);
}

static void
add_check(struct control_table *t, const struct shm_look *look)
{
	bool any = look->at_wall_ms != 0;

	add_check_text(t, look);
	control_table_add(t, any ? str_of(finding_of(look)) : none);
	add_number_or_none(t, look->status);
	add_number_or_none(t, any ? look->latency_us : 0);
	add_number_or_none(t, look->at_wall_ms / 1000);
	add_number_or_none(t, look->changed_wall_ms / 1000);
}

static void
add_weight(struct control_table *t, unsigned weight, unsigned configured)
{
	if (weight == configured)
		control_table_number(t, weight);
	else
		control_table_printf(t, "%u (%u)", weight, configured);
	control_table_number(t, weight);
	control_table_number(t, configured);
}

/* What nobody checks is up because it stands in the configuration, or because it was added. */
static const char *
source_of(const struct standing *s, bool added)
{
	return added && strcmp(s->by, "config") == 0 ? "usherctl" : s->by;
}

static void
add_member(struct master *m, struct control_table *t, const struct conf_backend *b,
    const struct shm_member *member)
{
	const struct shm_server *slot = &m->shm.servers.slots[member->slot];
	struct standing standing = standing_of(slot, member);
	bool added;
	const struct conf_server *server = control_server_of(m, b, member, &added);
	char address[ADDR_TEXT];

	control_table_add(t, b->name);
	control_table_add(t, server != NULL ? server->text : str_of(slot->name));
	if (slot->addr.len > 0)
		control_table_add(t, str_make(address, addr_text(&slot->addr, address)));
	else
		control_table_add(t, none);
	control_table_add(t, str_of(standing.state));
	control_table_add(t, str_of(source_of(&standing, added)));
	control_table_add(t, standing.reason[0] != '\0' ? str_of(standing.reason) : none);
	add_weight(t, member->weight, server != NULL && !server->srv ? server->weight :
	    member->weight);
	add_bool(t, (member->flags & MEMBER_BACKUP) != 0);
	add_bool(t, added);
	add_number_or_none(t, member->max_conns);
	control_table_number(t, slot->in_flight);
	control_table_number(t, shm_server_connections(slot));
	add_check(t, &slot->look);
}

/* ---- servers that an operator took out */

struct removed {
	struct master *m;
	struct control_table *t;
	const struct conf_backend *backend;
};

/* Whether the slot is what is left of the server, a line or one address of it. */
static bool
is_of(const struct shm_server *slot, uint32_t group, struct str name, struct str line)
{
	char address[ADDR_TEXT];

	if (slot->key[0] == '\0' || slot->group != group || !str_eq(str_of(slot->name), line))
		return false;
	return str_eq(name, line) || (slot->addr.len > 0 &&
	    str_eq(str_make(address, addr_text(&slot->addr, address)), name));
}

/* Requests that were under way go on. */
static void
add_rest(const struct removed *r, struct str name, struct str line)
{
	const struct shm_servers *servers = &r->m->shm.servers;
	uint32_t group = proxy_members(r->m->current->config->proxy, &r->m->shm,
	    r->backend->index)->group;
	uint64_t requests = 0, connections = 0;

	for (uint32_t i = 0; i < *servers->nslots; i++) {
		if (!is_of(&servers->slots[i], group, name, line))
			continue;
		requests += servers->slots[i].in_flight;
		connections += shm_server_connections(&servers->slots[i]);
	}
	control_table_number(r->t, requests);
	control_table_number(r->t, connections);
}

static void
add_removed(void *arg, struct str name, struct str line)
{
	struct removed *r = arg;
	struct control_table *t = r->t;
	const struct conf_server *s = NULL;

	for (unsigned i = 0; i < r->backend->nservers && s == NULL; i++)
		if (str_eq(r->backend->servers[i].line, line))
			s = &r->backend->servers[i];
	if (s == NULL)
		return;
	control_table_add(t, r->backend->name);
	control_table_add(t, s->text);
	control_table_add(t, str_eq(name, s->text) ? none : name);
	control_table_add(t, STR_OF("removed"));
	control_table_add(t, STR_OF("usherctl"));
	control_table_add(t, none);
	add_weight(t, s->weight, s->weight);
	add_bool(t, s->backup);
	add_bool(t, false);
	add_number_or_none(t, s->max_conns == CONF_OFF ? 0 : (uint64_t)s->max_conns);
	add_rest(r, name, s->text);
	for (unsigned i = 0; i < CHECK_COLUMNS; i++)
		control_table_add(t, none);
}

static void
add_backend(struct master *m, struct control_table *t, const struct conf_backend *b)
{
	struct removed removed = { .m = m, .t = t, .backend = b };
	struct control_members members;

	control_members_copy(m, b, &members);
	for (int i = 0; i < members.n; i++)
		add_member(m, t, b, &members.v[i]);
	mem_free(members.v);
	overrides_each_removed(m->servers.overrides, b->name, add_removed, &removed);
}

enum control_result
control_servers_list(struct master *m, struct control_request *r)
{
	const struct conf_backend *only = NULL;
	const struct conf_snapshot *c;
	struct control_table t;

	if (m->current == NULL || r->nwords > 1) {
		only = control_find_backend(m, r, r->nwords > 1 ? r->words[1] : none);
		if (only == NULL)
			return CONTROL_FAILED;
	}
	c = m->current->config->snapshot;
	control_table_init(&t, columns, ARRAY_LEN(columns));
	for (unsigned i = 0; i < c->nbackends; i++)
		if (only == NULL || only == c->backends[i])
			add_backend(m, &t, c->backends[i]);
	control_table_print(&t, r->json, &r->out);
	control_table_fini(&t);
	r->is_json = r->json;
	return CONTROL_OK;
}
