/*
 * resolve.c - from sections and lines to the snapshot.
 */
#include "conf/certificates.h"
#include "conf/inherit.h"
#include "conf/settings.h"
#include "conf/verify.h"

static void
identify(const struct conf_section *s, struct str *name, struct conf_origin *at, unsigned *index)
{
	*name = s->name;
	*at = s->at;
	*index = s->index;
}

/* Makes the structure of a section, so that others can refer to it, and says who it is. */
static void
shape(struct conf_document *d, struct conf_section *s)
{
	void *values = arena_zalloc(d->kept, conf_struct_sizes[s->kind]);
	struct conf_listen *listen = values;
	struct conf_host *host = values;
	struct conf_route *route = values;
	struct conf_backend *backend = values;
	struct conf_headers *headers = values;
	struct conf_bucket *bucket = values;
	struct conf_log *log = values;
	struct conf_global *global = values;
	struct conf_admin *admin = values;

	s->values[s->kind] = values;
	switch (s->kind) {
	case KIND_GLOBAL:
		global->at = s->at;
		break;
	case KIND_LISTEN:
		identify(s, &listen->name, &listen->at, &listen->index);
		break;
	case KIND_HOST:
		identify(s, &host->name, &host->at, &host->index);
		break;
	case KIND_ROUTE:
		identify(s, &route->name, &route->at, &route->index);
		break;
	case KIND_BACKEND:
		identify(s, &backend->name, &backend->at, &backend->index);
		break;
	case KIND_HEADERS:
		identify(s, &headers->name, &headers->at, &headers->index);
		break;
	case KIND_BUCKET:
		identify(s, &bucket->name, &bucket->at, &bucket->index);
		break;
	case KIND_LOG:
		identify(s, &log->name, &log->at, &log->index);
		break;
	case KIND_ADMIN:
		admin->at = s->at;
		admin->present = true;
		break;
	case KIND_DEFAULTS:
		/* The values of requests that no route serves, even when nothing is set. */
		s->values[KIND_ROUTE] = arena_zalloc(d->kept, conf_struct_sizes[KIND_ROUTE]);
		break;
	case KIND_COUNT:
		break;
	}
}

void
conf_whole_read(struct conf_whole *w)
{
	struct conf_document *d = &w->document;
	struct conf_section *s;

	conf_document_need(d, KIND_GLOBAL);
	conf_document_need(d, KIND_DEFAULTS);
	w->builtin = (struct conf_section){
		.kind = KIND_DEFAULTS,
		.name = conf_kind_names[KIND_DEFAULTS],
		.at = { "default", 0 },
	};
	conf_settings_builtin(d, &w->builtin);
	for (s = d->first; s != NULL; s = s->next)
		shape(d, s);
	for (s = d->first; s != NULL; s = s->next)
		conf_settings_read(d, s);
}

/* The action that a route or host sets, or NULL; more than one is an error. */
static const struct conf_setting *
find_action(struct conf_document *d, const struct conf_section *s)
{
	const struct conf_setting *action = NULL;

	/* The settings stand latest first. */
	for (const struct conf_setting *set = s->settings; set != NULL; set = set->next) {
		if ((set->row->flags & DIRECTIVE_ACTION) == 0)
			continue;
		if (action != NULL)
			conf_error(d->errors, action->at, "%.*s %.*s: there is an action already,"
			    " %.*s at %.*s (choose one)", STR_ARG(conf_section_title(d, s)),
			    STR_ARG(action->row->key), STR_ARG(set->row->key),
			    STR_ARG(conf_origin_text(d, set->at)));
		action = set;
	}
	return action;
}

static enum conf_action
action_of(const struct conf_setting *set)
{
	static const struct {
		struct str key;
		enum conf_action action;
	} actions[] = {
		{ STR("backend"), ACTION_BACKEND }, { STR("redirect"), ACTION_REDIRECT },
		{ STR("respond"), ACTION_RESPOND }, { STR("files"), ACTION_FILES },
		{ STR("bucket"), ACTION_BUCKET }, { STR("split"), ACTION_SPLIT },
	};

	for (size_t i = 0; i < ARRAY_LEN(actions); i++)
		if (str_eq(set->row->key, actions[i].key))
			return actions[i].action;
	return ACTION_NONE;
}

static void
set_action(struct conf_route *r, const struct conf_setting *set)
{
	r->action = action_of(set);
	r->action_at = set->at;
}

/* The one policy that has these values. */
static const struct conf_policy *
share(struct conf_whole *w, const struct conf_policy *policy)
{
	struct str bytes = str_make((const char *)policy, sizeof(*policy));
	struct conf_policy *shared = map_get(&w->policies, bytes);

	if (shared != NULL)
		return shared;
	shared = ARENA_NEW(&w->arena, struct conf_policy);
	memcpy(shared, policy, sizeof(*policy));
	map_add(&w->policies, str_make((const char *)shared, sizeof(*shared)), shared);
	return shared;
}

/* How requests of the section's route are treated that go to `backend`; NULL: to none. */
static const struct conf_policy *
policy_for(struct conf_whole *w, const struct conf_section *s, const struct conf_backend *backend)
{
	struct conf_policy policy, copies;

	conf_inherit_with(w, s, backend, &policy);
	if (policy.mirror.backend != NULL) {
		conf_inherit_with(w, s, policy.mirror.backend, &copies);
		policy.mirror.policy = share(w, &copies);
	}
	return share(w, &policy);
}

/* The inherited values of a section's route. */
static void
inherit_route(struct conf_whole *w, struct conf_section *s)
{
	struct conf_route *r = conf_values(&w->document, s, KIND_ROUTE);

	/* First of all, as the backend lends its values too. */
	if (r->files.p != NULL)
		r->files_backend = conf_files_backend(w, s);
	conf_inherit(w, s, KIND_ROUTE);
	conf_inherit(w, s, OWNER_POLICY);
	r->policy = policy_for(w, s, conf_lender(r));
	for (unsigned i = 0; i < r->nsplits; i++)
		r->splits[i].policy = policy_for(w, s, r->splits[i].backend);
}

static void
finish_route(struct conf_whole *w, struct conf_section *s)
{
	struct conf_document *d = &w->document;
	struct conf_route *r = s->values[KIND_ROUTE];
	const struct conf_setting *action = find_action(d, s);

	for (const struct conf_setting *set = s->settings; set != NULL; set = set->next)
		r->condition_kinds += (set->row->flags & DIRECTIVE_CONDITION) != 0;
	if (action != NULL)
		set_action(r, action);
	else
		conf_error(d->errors, s->at, "[route %.*s]: does nothing (add backend = NAME,"
		    " files = DIR, redirect = 301 URL or respond = 200 \"text\")",
		    STR_ARG(s->name));
	inherit_route(w, s);
}

/* True if the route takes all requests of its hosts. */
static bool
takes_all(const struct conf_route *r)
{
	if (r->nhosts == 0 || r->condition_kinds > 1 + (r->npaths > 0))
		return false;
	for (unsigned i = 0; i < r->npaths; i++)
		if (r->paths[i].kind == PATH_PREFIX && r->paths[i].text.n == 0)
			return true;
	return r->npaths == 0;
}

/* For each host the first route that takes all of its requests. */
static struct conf_route **
find_catch_alls(struct conf_whole *w)
{
	struct conf_document *d = &w->document;
	struct conf_route **all;

	all = arena_zalloc(&d->arena, (d->counts[KIND_HOST] + 1) * sizeof(*all));
	for (struct conf_section *s = d->first; s != NULL; s = s->next) {
		struct conf_route *r = s->values[KIND_ROUTE];

		if (s->kind != KIND_ROUTE || !takes_all(r))
			continue;
		for (unsigned i = 0; i < r->nhosts; i++)
			if (all[r->hosts[i]->index] == NULL)
				all[r->hosts[i]->index] = r;
	}
	return all;
}

/* The route that an action on a host makes, or NULL: none, or one is written. */
static struct conf_route *
host_route(struct conf_whole *w, struct conf_section *s, const struct conf_route *written)
{
	struct conf_document *d = &w->document;
	const struct conf_setting *action = find_action(d, s);
	struct conf_route *r = s->values[KIND_ROUTE];

	if (action == NULL)
		return NULL;
	if (written != NULL) {
		conf_warning(d->errors, action->at, "[host %.*s] %.*s: is never done, as [route"
		    " %.*s] takes all requests", STR_ARG(s->name), STR_ARG(action->row->key),
		    STR_ARG(written->name));
		return NULL;
	}
	/* A star is in no written name, so this one is free. */
	r->name = conf_document_find(d, KIND_ROUTE, s->name) == NULL ? s->name :
	    arena_printf(d->kept, "%.*s/*", STR_ARG(s->name));
	r->at = s->at;
	r->hosts = arena_alloc(d->kept, sizeof(*r->hosts));
	r->hosts[0] = s->values[KIND_HOST];
	r->nhosts = 1;
	r->paths = ARENA_NEW(d->kept, struct conf_path);
	*r->paths = (struct conf_path){ .text = STR(""), .kind = PATH_PREFIX, .at = action->at };
	r->npaths = 1;
	r->condition_kinds = 2;
	set_action(r, action);
	return r;
}

/* What the host says of requests that none of its routes serves. */
static void
set_fallback(struct conf_whole *w, struct conf_section *s)
{
	const struct conf_route *r = s->values[KIND_ROUTE];
	struct conf_host *host = s->values[KIND_HOST];

	host->fallback = w->snapshot.fallback;
	if (r->policy == w->snapshot.fallback->policy)
		return;
	host->fallback = ARENA_NEW(&w->arena, struct conf_route);
	host->fallback->policy = r->policy;
	host->fallback->at = s->at;
}

/* Whom certificates must be for: with the bucket in front of it, unless it is an address. */
static struct str
store_name(struct conf_whole *w, const struct conf_bucket *bucket)
{
	const struct conf_server *store = bucket->server;
	struct ip_port ip;

	if (!bucket->virtual_style || store == NULL || store->scheme != SCHEME_HTTPS ||
	    ip_parse(&ip, store->host))
		return (struct str){ NULL, 0 };
	return arena_printf(&w->arena, "%.*s.%.*s", STR_ARG(bucket->bucket),
	    STR_ARG(store->host));
}

/* The backend that a bucket's endpoint is; a colon is in no written name, so its name is free. */
static void
make_backend(struct conf_whole *w, struct conf_section *s)
{
	struct conf_bucket *bucket = s->values[KIND_BUCKET];
	struct conf_backend *b;

	conf_inherit(w, s, KIND_BACKEND);
	b = s->values[KIND_BACKEND];
	b->name = arena_printf(&w->arena, "bucket:%.*s", STR_ARG(s->name));
	b->at = s->at;
	b->servers = bucket->server;
	b->nservers = bucket->server != NULL;
	b->host_header = HOST_SERVER;
	b->tls_name = store_name(w, bucket);
	bucket->backend = b;
}

static void
inherit_all(struct conf_whole *w)
{
	struct conf_document *d = &w->document;

	for (struct conf_section *s = d->first; s != NULL; s = s->next) {
		if (s->kind == KIND_ROUTE)
			finish_route(w, s);
		else if (s->kind == KIND_DEFAULTS)
			inherit_route(w, s);
		else
			conf_inherit(w, s, s->kind);
		if (s->kind == KIND_BUCKET)
			make_backend(w, s);
	}
}

static void *
array_of(struct conf_whole *w, enum conf_kind kind)
{
	return arena_zalloc(&w->arena, (w->document.counts[kind] + 1) * sizeof(void *));
}

static void
add_route(struct conf_snapshot *s, struct conf_route *r)
{
	r->index = s->nroutes;
	s->routes[s->nroutes++] = r;
}

/* The hosts look at them, wherever they stand in the file. */
static void
collect_defaults(struct conf_snapshot *shot, struct conf_section *defaults)
{
	shot->fallback = defaults->values[KIND_ROUTE];
	shot->fallback->at = defaults->at;
}

/* The backends of the buckets come behind those that have a section. */
static void
collect_endpoints(struct conf_snapshot *shot)
{
	for (unsigned i = 0; i < shot->nbuckets; i++) {
		struct conf_backend *b = shot->buckets[i]->backend;

		b->index = shot->nbackends;
		shot->backends[shot->nbackends++] = b;
	}
}

static void
collect(struct conf_whole *w)
{
	struct conf_document *d = &w->document;
	struct conf_snapshot *shot = &w->snapshot;
	struct conf_route **written = find_catch_alls(w), *r;
	unsigned most_routes = d->counts[KIND_ROUTE] + d->counts[KIND_HOST];
	unsigned most_backends = d->counts[KIND_BACKEND] + d->counts[KIND_BUCKET];

	shot->listens = array_of(w, KIND_LISTEN);
	shot->hosts = array_of(w, KIND_HOST);
	shot->backends = arena_alloc(&w->arena, (most_backends + 1) * sizeof(*shot->backends));
	shot->headers = array_of(w, KIND_HEADERS);
	shot->buckets = array_of(w, KIND_BUCKET);
	shot->logs = array_of(w, KIND_LOG);
	shot->routes = arena_alloc(&w->arena, (most_routes + 1) * sizeof(*shot->routes));
	collect_defaults(shot, conf_document_need(d, KIND_DEFAULTS));
	for (struct conf_section *s = d->first; s != NULL; s = s->next) {
		if (s->repeated)
			continue;
		switch (s->kind) {
		case KIND_GLOBAL:
			shot->global = *(struct conf_global *)s->values[KIND_GLOBAL];
			shot->global.max_connections_written =
			    conf_section_line(s, STR_OF("max_connections")) != NULL;
			break;
		case KIND_DEFAULTS:
			break;
		case KIND_LISTEN:
			shot->listens[shot->nlistens++] = s->values[KIND_LISTEN];
			break;
		case KIND_HOST:
			shot->hosts[shot->nhosts++] = s->values[KIND_HOST];
			inherit_route(w, s);
			set_fallback(w, s);
			if ((r = host_route(w, s, written[s->index])) != NULL)
				add_route(shot, r);
			break;
		case KIND_ROUTE:
			add_route(shot, s->values[KIND_ROUTE]);
			break;
		case KIND_BACKEND:
			shot->backends[shot->nbackends++] = s->values[KIND_BACKEND];
			break;
		case KIND_HEADERS:
			shot->headers[shot->nheaders++] = s->values[KIND_HEADERS];
			break;
		case KIND_BUCKET:
			shot->buckets[shot->nbuckets++] = s->values[KIND_BUCKET];
			break;
		case KIND_LOG:
			shot->logs[shot->nlogs++] = s->values[KIND_LOG];
			break;
		case KIND_ADMIN:
			shot->admin = *(struct conf_admin *)s->values[KIND_ADMIN];
			break;
		case KIND_COUNT:
			break;
		}
	}
	collect_endpoints(shot);
}

void
conf_whole_resolve(struct conf_whole *w)
{
	conf_whole_read(w);
	inherit_all(w);
	collect(w);
	conf_certificates_collect(w);
	conf_verify_binds(w);
	conf_verify_listens(w);
	conf_verify_hosts(w);
	conf_verify_tls(w);
	conf_verify_routes(w);
	conf_verify_backends(w);
	conf_verify_files(w);
	conf_verify_buckets(w);
	conf_verify_logs(w);
	conf_verify_uses(w);
	if (conf_errors_count(w->document.errors) == 0) {
		conf_verify_shadows(w);
		conf_verify_paths(w);
	}
	map_fini(&w->policies);
}
