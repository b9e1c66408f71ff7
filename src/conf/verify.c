/*
 * verify.c - what only shows when all sections are read: missing, double and unused things.
 */
#include "conf/verify.h"

#include "base/mem.h"
#include "conf/inherit.h"
#include "conf/table.h"
#include "shm/servers.h"

/* Half of what there is room for, so that the generation before fits in beside this one. */
enum { BACKENDS_MAX = SHM_BACKENDS / 2, SERVERS_MAX = SHM_SERVERS / 2 };

static const struct conf_line *
line_of(const struct conf_document *d, enum conf_kind kind, struct str name, const char *key)
{
	return conf_section_line(conf_document_find(d, kind, name), str_of(key));
}

/* True if the section with this name has no line for the key, not even a wrong one. */
static bool
lacks(const struct conf_document *d, enum conf_kind kind, struct str name, const char *key)
{
	return line_of(d, kind, name, key) == NULL;
}

static bool
listens_at(const struct conf_host *h, const struct conf_listen *l)
{
	for (unsigned i = 0; i < h->nlistens; i++)
		if (h->listens[i] == l)
			return true;
	return h->nlistens == 0;
}

static bool
share_listener(const struct conf_host *a, const struct conf_host *b)
{
	if (a->nlistens == 0 || b->nlistens == 0)
		return true;
	for (unsigned i = 0; i < a->nlistens; i++)
		if (listens_at(b, a->listens[i]))
			return true;
	return false;
}

/* A host that has a name; those with the same name are chained, latest first. */
struct named {
	struct conf_host *host;
	struct named *other;
};

static void
check_name(struct conf_whole *w, struct map *names, struct arena *arena, struct str name,
    struct conf_host *host)
{
	struct named *entry = ARENA_NEW(arena, struct named), *before;
	struct conf_document *d = &w->document;
	const struct conf_line *other;

	entry->host = host;
	before = map_add(names, name, entry);
	if (before == NULL)
		return;
	for (struct named *n = before; n != NULL; n = n->other) {
		if (!share_listener(host, n->host))
			continue;
		other = line_of(d, KIND_HOST, n->host->name, "names");
		conf_error(d->errors, line_of(d, KIND_HOST, host->name, "names")->at,
		    "[host %.*s] names: %.*s is a name of [host %.*s] at %.*s already",
		    STR_ARG(host->name), STR_ARG(name), STR_ARG(n->host->name),
		    STR_ARG(conf_origin_text(d, other->at)));
		return;
	}
	entry->other = before->other;
	before->other = entry;
}

void
conf_verify_hosts(struct conf_whole *w)
{
	struct conf_snapshot *s = &w->snapshot;
	struct conf_document *d = &w->document;
	struct arena arena;
	struct map names;

	arena_init(&arena);
	map_init(&names);
	for (unsigned i = 0; i < s->nhosts; i++) {
		struct conf_host *h = s->hosts[i];

		if (lacks(d, KIND_HOST, h->name, "names"))
			conf_error(d->errors, h->at, "[host %.*s]: has no names (add names ="
			    " www.example.com)", STR_ARG(h->name));
		for (unsigned n = 0; n < h->names.n; n++)
			check_name(w, &names, &arena, h->names.v[n], h);
	}
	map_fini(&names);
	arena_fini(&arena);
}

void
conf_verify_listens(struct conf_whole *w)
{
	struct conf_snapshot *s = &w->snapshot;
	struct conf_document *d = &w->document;

	for (unsigned i = 0; i < s->nlistens; i++) {
		struct conf_listen *l = s->listens[i];

		if (lacks(d, KIND_LISTEN, l->name, "bind"))
			conf_error(d->errors, l->at, "[listen %.*s]: has no address"
			    " (add bind = 8080)", STR_ARG(l->name));
		if (l->default_host != NULL && !listens_at(l->default_host, l))
			conf_error(d->errors, line_of(d, KIND_LISTEN, l->name, "default_host")->at,
			    "[listen %.*s] default_host: [host %.*s] does not name this listener"
			    " (add it to its listen)", STR_ARG(l->name),
			    STR_ARG(l->default_host->name));
		if (l->proxy_protocol && l->trusted_proxies.n == 0)
			conf_warning(d->errors,
			    line_of(d, KIND_LISTEN, l->name, "proxy_protocol")->at,
			    "[listen %.*s] proxy_protocol: every connection is closed, as no"
			    " proxy is trusted (add trusted_proxies = 192.0.2.1)",
			    STR_ARG(l->name));
	}
	if (s->admin.present && lacks(d, KIND_ADMIN, conf_kind_names[KIND_ADMIN], "listen") &&
	    lacks(d, KIND_ADMIN, conf_kind_names[KIND_ADMIN], "socket"))
		conf_error(d->errors, s->admin.at, "[admin]: does nothing (add listen ="
		    " 127.0.0.1:9000, or socket = /run/usherd.sock)");
}

static void
check_servers(struct conf_document *d, const struct conf_backend *b)
{
	struct map seen;
	struct conf_server *before;
	struct arena arena;
	struct str key;

	map_init(&seen);
	arena_init(&arena);
	for (unsigned i = 0; i < b->nservers; i++) {
		key = arena_printf(&arena, "%.*s:%u", STR_ARG(b->servers[i].host),
		    b->servers[i].port);
		before = map_add(&seen, key, &b->servers[i]);
		if (before != NULL)
			conf_error(d->errors, b->servers[i].at, "[backend %.*s] server: %.*s"
			    " stands at"
			    " %.*s already (use weight=N to give it more)", STR_ARG(b->name),
			    STR_ARG(b->servers[i].text), STR_ARG(conf_origin_text(d, before->at)));
	}
	map_fini(&seen);
	arena_fini(&arena);
}

static void
warn_idle_secret(struct conf_whole *w, const struct conf_backend *b)
{
	const struct conf_section *s = conf_document_find(&w->document, KIND_BACKEND, b->name);

	if (b->sticky.cookie.p != NULL)
		return;
	for (const struct conf_setting *set = s->settings; set != NULL; set = set->next)
		if (str_eq(set->row->key, STR_OF("sticky_secret")) && !conf_repeats(w, s, set))
			conf_warning(w->document.errors, set->at, "[backend %.*s] sticky_secret:"
			    " has no effect (add sticky = cookie NAME)", STR_ARG(b->name));
}

static void
check_totals(struct conf_document *d, const struct conf_snapshot *s)
{
	const struct conf_origin file = { d->file, 0 };
	unsigned nservers = 0;

	for (unsigned i = 0; i < s->nbackends; i++)
		nservers += s->backends[i]->nservers;
	if (s->nbackends > BACKENDS_MAX)
		conf_error(d->errors, file, "there are %u backends (at most %d)", s->nbackends,
		    BACKENDS_MAX);
	if (nservers > SERVERS_MAX)
		conf_error(d->errors, file, "there are %u servers in all backends (at most %d)",
		    nservers, SERVERS_MAX);
}

void
conf_verify_backends(struct conf_whole *w)
{
	struct conf_snapshot *s = &w->snapshot;
	struct conf_document *d = &w->document;

	for (unsigned i = 0; i < s->nbackends; i++) {
		struct conf_backend *b = s->backends[i];

		/* That of a bucket has no section of its own. */
		if (conf_document_find(d, KIND_BACKEND, b->name) == NULL)
			continue;
		if (lacks(d, KIND_BACKEND, b->name, "server"))
			conf_error(d->errors, b->at, "[backend %.*s]: has no servers (add server ="
			    " HOST:PORT)", STR_ARG(b->name));
		else if (b->nservers > SHM_MEMBERS)
			conf_error(d->errors, b->at, "[backend %.*s]: has %u servers (at most %d)",
			    STR_ARG(b->name), b->nservers, SHM_MEMBERS);
		check_servers(d, b);
		warn_idle_secret(w, b);
	}
	check_totals(d, s);
}

void
conf_verify_logs(struct conf_whole *w)
{
	struct conf_snapshot *s = &w->snapshot;
	struct conf_document *d = &w->document;

	for (unsigned i = 0; i < s->nlogs; i++)
		if (lacks(d, KIND_LOG, s->logs[i]->name, "path"))
			conf_error(d->errors, s->logs[i]->at, "[log %.*s]: has no path (add path ="
			    " /var/log/access.log, stdout, stderr or syslog:)",
			    STR_ARG(s->logs[i]->name));
}

/* Marks the hosts that a route serves; true if one serves all. */
static bool
mark_served(const struct conf_snapshot *s, bool *served)
{
	for (unsigned i = 0; i < s->nroutes; i++) {
		const struct conf_route *r = s->routes[i];

		if (r->nhosts == 0)
			return true;
		for (unsigned n = 0; n < r->nhosts; n++)
			served[r->hosts[n]->index] = true;
	}
	return false;
}

static void
warn_unserved(struct conf_whole *w)
{
	const struct conf_snapshot *s = &w->snapshot;
	bool *served = mem_zalloc(s->nhosts + 1, sizeof(*served));

	if (!mark_served(s, served))
		for (unsigned i = 0; i < s->nhosts; i++)
			if (!served[i])
				conf_warning(w->document.errors, s->hosts[i]->at, "[host %.*s]: no"
				    " route serves it", STR_ARG(s->hosts[i]->name));
	mem_free(served);
}

void
conf_verify_uses(struct conf_whole *w)
{
	struct conf_document *d = &w->document;

	const unsigned named = IN(BACKEND) | IN(HEADERS) | IN(BUCKET) | IN(LOG);

	for (const struct conf_section *s = d->first; s != NULL; s = s->next)
		if ((named & 1u << s->kind) != 0 && !s->used && !s->repeated)
			conf_warning(d->errors, s->at, "%.*s: nothing uses it",
			    STR_ARG(conf_section_title(d, s)));
	warn_unserved(w);
	if (w->snapshot.nlistens == 0)
		conf_error(d->errors, (struct conf_origin){ d->file, 0 }, "there is no [listen]"
		    " (add one: [listen web] with bind = 8080)");
	if (w->snapshot.nroutes == 0)
		conf_warning(d->errors, (struct conf_origin){ d->file, 0 }, "there is no [route]:"
		    " every request gets 404");
}
