/*
 * control_target.c - the backend and the server that a command is about.
 */
#include "process/control_target.h"

#include "base/mem.h"
#include "conf/suggest.h"
#include "process/master_internal.h"
#include "proxy/servers/overrides.h"

enum { NAMED = 12 };			/* servers that a message lists at most */

void
control_members_copy(struct master *m, const struct conf_backend *b, struct control_members *copy)
{
	const struct shm_members *list = proxy_members(m->current->config->proxy, &m->shm,
	    b->index);
	uint64_t version = 0;

	copy->v = mem_zalloc(SHM_MEMBERS, sizeof(*copy->v));
	copy->n = shm_members_read(list, &version, copy->v);
	if (copy->n < 0)
		copy->n = 0;
}

struct find_added {
	struct str text;
	const struct conf_server *found;
};

static void
compare_added(void *arg, const struct conf_server *server)
{
	struct find_added *find = arg;

	if (str_eq(server->text, find->text))
		find->found = server;
}

static const struct conf_server *
find_added(struct master *m, const struct conf_backend *b, struct str text)
{
	struct find_added find = { .text = text };

	overrides_each_added(m->servers.overrides, b->name, compare_added, &find);
	return find.found;
}

static const struct conf_server *
find_line(const struct conf_backend *b, struct str text)
{
	for (unsigned i = 0; i < b->nservers; i++)
		if (str_eq(b->servers[i].text, text))
			return &b->servers[i];
	return NULL;
}

const struct conf_server *
control_server_of(struct master *m, const struct conf_backend *b, const struct shm_member *member,
    bool *added)
{
	*added = (member->flags & MEMBER_RUNTIME) != 0;
	if (!*added)
		return member->line < b->nservers ? &b->servers[member->line] : NULL;
	return find_added(m, b, str_of(m->shm.servers.slots[member->slot].name));
}

const struct conf_backend *
control_find_backend(struct master *m, struct control_request *r, struct str name)
{
	const struct conf_snapshot *c;
	struct conf_suggest s;
	char hint[CONF_SUGGEST_TEXT];

	if (m->current == NULL) {
		buf_cstr(&r->out, "no configuration serves now (reload begins one)\n");
		return NULL;
	}
	c = m->current->config->snapshot;
	conf_suggest_init(&s, name);
	for (unsigned i = 0; i < c->nbackends; i++) {
		if (str_eq(c->backends[i]->name, name))
			return c->backends[i];
		conf_suggest_offer(&s, c->backends[i]->name);
	}
	buf_printf(&r->out, "there is no backend %.*s%s; there are:", STR_ARG(name),
	    conf_suggest_text(&s, hint));
	for (unsigned i = 0; i < c->nbackends && i < NAMED; i++)
		buf_printf(&r->out, " %.*s", STR_ARG(c->backends[i]->name));
	buf_cstr(&r->out, c->nbackends > NAMED ? " ...\n" : "\n");
	return NULL;
}

static void
list_servers(struct master *m, struct control_request *r, const struct conf_backend *b,
    const struct control_members *members)
{
	buf_cstr(&r->out, "; there are:");
	for (int i = 0; i < members->n && i < NAMED; i++) {
		const struct shm_server *slot = &m->shm.servers.slots[members->v[i].slot];
		char address[ADDR_TEXT] = "";

		if (slot->addr.len > 0)
			addr_text(&slot->addr, address);
		buf_printf(&r->out, " %s", slot->name);
		if (address[0] != '\0' && strcmp(address, slot->name) != 0)
			buf_printf(&r->out, " (%s)", address);
	}
	if (members->n == 0)
		buf_printf(&r->out, " none in backend %.*s", STR_ARG(b->name));
	buf_cstr(&r->out, members->n > NAMED ? " ...\n" : "\n");
}

/* Looks for one of the addresses; false after a message. */
static bool
find_address(struct master *m, struct control_request *r, struct str word,
    const struct control_members *members, struct control_target *t)
{
	unsigned found = 0, of_line = 0;

	for (int i = 0; i < members->n; i++) {
		const struct shm_server *slot = &m->shm.servers.slots[members->v[i].slot];
		char address[ADDR_TEXT];
		bool added;
		const struct conf_server *server = control_server_of(m, t->backend, &members->v[i],
		    &added);

		if (slot->addr.len == 0 || server == NULL)
			continue;
		addr_text(&slot->addr, address);
		if (!str_eq(str_of(address), word))
			continue;
		memcpy(t->address, address, sizeof(address));
		t->server = server;
		t->added = added;
		found++;
	}
	if (found != 1) {
		buf_printf(&r->out, found == 0 ? "backend %.*s has no server %.*s" :
		    "backend %.*s: more than one server has the address %.*s",
		    STR_ARG(t->backend->name), STR_ARG(word));
		list_servers(m, r, t->backend, members);
		return false;
	}
	for (int i = 0; i < members->n; i++) {
		bool added;

		of_line += control_server_of(m, t->backend, &members->v[i], &added) == t->server;
	}
	/* Of a line with one address it is another name for the line. */
	t->key = of_line > 1 ? str_of(t->address) : t->server->text;
	return true;
}

bool
control_find_target(struct master *m, struct control_request *r, struct control_target *t)
{
	struct str word = r->words[2];
	struct control_members members;
	bool ok = true;

	*t = (struct control_target){ .backend = control_find_backend(m, r, r->words[1]) };
	if (t->backend == NULL)
		return false;
	t->server = find_line(t->backend, word);
	if (t->server == NULL) {
		t->server = find_added(m, t->backend, word);
		t->added = t->server != NULL;
	}
	if (t->server != NULL) {
		t->key = t->server->text;
		return true;
	}
	control_members_copy(m, t->backend, &members);
	ok = find_address(m, r, word, &members, t);
	mem_free(members.v);
	return ok;
}

bool
control_is_meant(struct master *m, const struct control_target *t, const struct shm_member *member)
{
	const struct shm_server *slot = &m->shm.servers.slots[member->slot];
	char address[ADDR_TEXT];
	bool added;

	if (control_server_of(m, t->backend, member, &added) != t->server)
		return false;
	if (t->key.p != t->address)
		return true;
	addr_text(&slot->addr, address);
	return str_eq(str_of(address), t->key);
}
