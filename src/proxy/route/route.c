/*
 * route.c - which host and route serve a request.
 *
 *	Host ─► host_map ─► places: exact name, wildcards (longest first), all hosts
 *	each place:  exact path ─► patterns ─► prefixes, longest first ─► routes without a path
 *	each list:   more kinds of conditions first, then file order
 */
#include "proxy/route/route.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/regex.h"
#include "proxy/route/host_map.h"
#include "proxy/route/match.h"
#include "proxy/route/path_trie.h"
#include "proxy/route/rewrite.h"
#include "proxy/text/template.h"

enum { REGEX_ERROR = 160 };

struct compiled_route {
	struct route route;
	struct regex **regexes;		/* of conf->path_regex */
	bool conditional;		/* there is more to check than host and path */
};

/* Where the routes of one host, or those for all hosts, are found. */
struct place {
	struct path_node root;
	struct candidates patterns;	/* routes with path_regex */
	const struct conf_host *host;	/* NULL: all */
	struct candidates anywhere;	/* routes without any path */
};

struct router {
	const struct conf_snapshot *conf;
	struct arena arena;
	struct path_trie trie;
	struct host_map *hosts;
	struct place *places;		/* by host index; the last one is for all hosts */
	struct compiled_route *routes;	/* by route index */
	unsigned most_groups;		/* of a pattern, the whole match included; 0: no patterns */
};

/* A route that would have been chosen but for its method. */
struct refused {
	struct refused *next;
	const struct conf_route *route;
};

/* One call of router_find(). */
struct search {
	const struct router *router;
	const struct request *request;
	struct match_subject subject;
	struct arena *arena;
	struct refused *refused;
	struct refused **last;		/* where the next one is hung */
	const struct route *except;	/* as if it were not there; NULL: none */
	struct route_choice *choice;
};

/* ---- building */

static void
add_groups(struct router *r, const struct conf_route *conf, const struct regex *re,
    struct capture_names *names, struct conf_errors *errors)
{
	unsigned n = regex_group_count(re);
	char what[96];

	snprintf(what, sizeof(what), "[route %.*s] path_regex", STR_ARG(conf->name));
	capture_names_add(names, re, errors, conf->at, what);
	capture_names_number(names, n);
	if (n + 1 > r->most_groups)
		r->most_groups = n + 1;
}

static void
compile_regexes(struct router *r, struct compiled_route *c, struct capture_names *names,
    struct conf_errors *errors)
{
	const struct conf_route *conf = c->route.conf;
	char error[REGEX_ERROR];

	if (conf->path_regex.n == 0)
		return;
	c->regexes = mem_zalloc(conf->path_regex.n, sizeof(c->regexes[0]));
	for (unsigned i = 0; i < conf->path_regex.n; i++) {
		c->regexes[i] = regex_new(conf->path_regex.v[i], error, sizeof(error));
		if (c->regexes[i] == NULL)
			conf_error(errors, conf->at, "[route %.*s] path_regex: \"%.*s\": %s",
			    STR_ARG(conf->name), STR_ARG(conf->path_regex.v[i]), error);
		else
			add_groups(r, conf, c->regexes[i], names, errors);
	}
}

static struct template *
compile_template(const struct conf_route *conf, const struct capture_names *names,
    const char *key, struct str text, struct conf_errors *errors)
{
	const struct template_scope scope = { .names = names };
	char what[96];

	snprintf(what, sizeof(what), "[route %.*s] %s", STR_ARG(conf->name), key);
	return template_new_in(&scope, text.p != NULL ? text : STR_OF(""), errors,
	    conf->action_at, what);
}

static void
compile_action(struct route *route, const struct capture_names *names, struct conf_errors *errors)
{
	const struct conf_route *conf = route->conf;

	if (conf->action == ACTION_REDIRECT)
		route->redirect_url = compile_template(conf, names, "redirect",
		    conf->redirect_url, errors);
	if (conf->action == ACTION_RESPOND)
		route->respond_text = compile_template(conf, names, "respond",
		    conf->respond_text, errors);
	if (conf->split_key.p != NULL)
		route->split_key = compile_template(conf, names, "split", conf->split_key, errors);
}

/* Keys of a route can name the groups of its own patterns, but not those of other routes. */
static void
compile_route(struct router *r, struct compiled_route *c, struct capture_names *all,
    struct conf_errors *errors)
{
	const struct conf_route *conf = c->route.conf;
	struct capture_names *names = capture_names_new();

	c->conditional = match_is_needed(conf);
	compile_regexes(r, c, names, errors);
	c->route.rewrites = rewrite_rules_new(conf, names, errors);
	compile_action(&c->route, names, errors);
	if (all != NULL)
		capture_names_join(all, names);
	capture_names_free(names);
}

static void
prepend(struct router *r, struct candidates *list, const struct compiled_route *c)
{
	struct candidates *rest = NULL;

	/* A route with the same path twice stands in the list once. */
	if (list->route == c)
		return;
	if (list->route != NULL) {
		rest = ARENA_NEW(&r->arena, struct candidates);
		*rest = *list;
	}
	*list = (struct candidates){ c, rest };
}

static void
add_to_place(struct router *r, struct place *place, const struct compiled_route *c)
{
	const struct conf_route *conf = c->route.conf;

	for (unsigned i = 0; i < conf->npaths; i++) {
		const struct conf_path *path = &conf->paths[i];
		struct path_node *node;

		if (path->kind == PATH_PREFIX && conf->path_regex.n > 0)
			continue;
		node = path_trie_add(&r->trie, &place->root, path->text);
		prepend(r, path->kind == PATH_EXACT ? &node->exact : &node->prefix, c);
	}
	if (conf->path_regex.n > 0)
		prepend(r, &place->patterns, c);
	else if (conf->npaths == 0)
		prepend(r, &place->anywhere, c);
}

static void
add_route(struct router *r, const struct compiled_route *c)
{
	const struct conf_route *conf = c->route.conf;

	for (unsigned i = 0; i < conf->nhosts; i++)
		add_to_place(r, &r->places[conf->hosts[i]->index], c);
	if (conf->nhosts == 0)
		add_to_place(r, &r->places[r->conf->nhosts], c);
}

/* Worst first, as each is put before those that are there. */
static void
add_routes(struct router *r)
{
	unsigned most = 0;

	for (unsigned i = 0; i < r->conf->nroutes; i++)
		if (r->conf->routes[i]->condition_kinds > most)
			most = r->conf->routes[i]->condition_kinds;
	for (unsigned kinds = 0; kinds <= most; kinds++)
		for (unsigned i = r->conf->nroutes; i-- > 0;)
			if (r->conf->routes[i]->condition_kinds == kinds)
				add_route(r, &r->routes[i]);
}

struct router *
router_new(const struct conf_snapshot *snapshot, struct capture_names *names,
    struct conf_errors *errors)
{
	struct router *r = MEM_NEW(struct router);
	size_t before = conf_errors_count(errors);

	r->conf = snapshot;
	arena_init(&r->arena);
	path_trie_init(&r->trie, &r->arena);
	r->hosts = host_map_new(snapshot);
	r->places = mem_zalloc((size_t)snapshot->nhosts + 1, sizeof(r->places[0]));
	r->routes = mem_zalloc(snapshot->nroutes, sizeof(r->routes[0]));
	for (unsigned i = 0; i < snapshot->nhosts; i++)
		r->places[i].host = snapshot->hosts[i];
	for (unsigned i = 0; i < snapshot->nroutes; i++) {
		r->routes[i].route.conf = snapshot->routes[i];
		compile_route(r, &r->routes[i], names, errors);
	}
	if (conf_errors_count(errors) != before) {
		router_free(r);
		return NULL;
	}
	add_routes(r);
	return r;
}

static void
route_fini(struct compiled_route *c)
{
	for (unsigned i = 0; c->regexes != NULL && i < c->route.conf->path_regex.n; i++)
		regex_free(c->regexes[i]);
	mem_free(c->regexes);
	template_free(c->route.redirect_url);
	template_free(c->route.respond_text);
	template_free(c->route.split_key);
	rewrite_rules_free(c->route.rewrites);
}

void
router_free(struct router *r)
{
	if (r == NULL)
		return;
	for (unsigned i = 0; i < r->conf->nroutes; i++)
		route_fini(&r->routes[i]);
	mem_free(r->routes);
	mem_free(r->places);
	host_map_free(r->hosts);
	path_trie_fini(&r->trie);
	arena_fini(&r->arena);
	mem_free(r);
}

const struct route *
router_route(const struct router *r, unsigned index)
{
	return &r->routes[index].route;
}

/* ---- choosing */

static void
remember_refused(struct search *s, const struct conf_route *route)
{
	struct refused *refused = ARENA_NEW(s->arena, struct refused);

	refused->route = route;
	*s->last = refused;
	s->last = &refused->next;
}

/* Most routes have no more conditions: then the snapshot's page of the route stays out of cache. */
static enum match_result
match(struct search *s, const struct compiled_route *c)
{
	s->subject.pattern = NULL;
	if (!c->conditional)
		return MATCH_YES;
	if (c->regexes != NULL && s->subject.groups == NULL)
		s->subject.groups = arena_alloc(s->arena,
		    s->router->most_groups * sizeof(*s->subject.groups));
	return match_conditions(c->route.conf, c->regexes, &s->subject);
}

/* True ends the search: the route is found, or a pattern gave up. */
static bool
try_route(struct search *s, const struct compiled_route *c)
{
	if (unlikely(&c->route == s->except))
		return false;
	switch (match(s, c)) {
	case MATCH_YES:
		s->choice->route = &c->route;
		if (s->subject.pattern != NULL)
			s->choice->captured = (struct captured){
				.pattern = s->subject.pattern,
				.groups = s->subject.groups,
				.ngroups = regex_group_count(s->subject.pattern) + 1,
			};
		return true;
	case MATCH_LIMIT:
		s->choice->regex_limit = true;
		return true;
	case MATCH_BUT_METHOD:
		remember_refused(s, c->route.conf);
		return false;
	case MATCH_NO:
		break;
	}
	return false;
}

static bool
try_list(struct search *s, const struct candidates *list)
{
	for (; list != NULL && list->route != NULL; list = list->next)
		if (try_route(s, list->route))
			return true;
	return false;
}

static bool
try_patterns(struct search *s, const struct candidates *list)
{
	for (; list != NULL && list->route != NULL; list = list->next)
		if (match_paths(list->route->route.conf, s->request->path) &&
		    try_route(s, list->route))
			return true;
	return false;
}

static bool
try_place(struct search *s, const struct place *place)
{
	const struct path_node *node;
	bool whole;

	node = path_trie_walk(&s->router->trie, &place->root, s->request->path, &whole);
	if (whole && try_list(s, &node->exact))
		return true;
	if (try_patterns(s, &place->patterns))
		return true;
	for (; node != NULL; node = node->parent)
		if (try_list(s, &node->prefix))
			return true;
	return try_list(s, &place->anywhere);
}

/* The best host is the request's, unless a route of another one serves it. */
static bool
try_host(struct search *s, unsigned host)
{
	const struct place *place = &s->router->places[host];

	if (s->choice->host == NULL)
		s->choice->host = place->host;
	if (!try_place(s, place))
		return false;
	s->choice->host = place->host;
	return true;
}

static bool
try_hosts(struct search *s, const struct conf_listen *listen)
{
	const struct host_map *map = s->router->hosts;
	struct str rest = s->request->host;
	int host;

	if (rest.n > 0) {
		host = host_map_exact(map, listen, rest);
		if (host != HOST_NONE && try_host(s, (unsigned)host))
			return true;
		while ((host = host_map_wildcard(map, listen, &rest)) != HOST_NONE)
			if (try_host(s, (unsigned)host))
				return true;
	}
	if (s->choice->host == NULL && listen->default_host != NULL)
		return try_host(s, listen->default_host->index);
	return false;
}

/* The methods of all routes that refused only the method, each once. */
static struct str
allowed_methods(const struct search *s)
{
	struct str allow = STR("");

	for (const struct refused *r = s->refused; r != NULL; r = r->next) {
		for (unsigned i = 0; i < r->route->methods.n; i++) {
			struct str method = r->route->methods.v[i];

			if (!list_has_token(allow, method))
				allow = arena_printf(s->arena, "%.*s%s%.*s", STR_ARG(allow),
				    allow.n > 0 ? ", " : "", STR_ARG(method));
		}
	}
	return allow;
}

enum route_result
router_find_without(const struct router *r, const struct conf_listen *listen,
    const struct request *request, const struct ip_port *client, const struct route *except,
    struct arena *arena, struct route_choice *choice)
{
	struct search s = {
		.except = except,
		.router = r,
		.request = request,
		.subject = { .request = request, .client = client },
		.arena = arena,
		.choice = choice,
	};
	bool ended;

	s.last = &s.refused;
	*choice = (struct route_choice){ .host = NULL };
	ended = try_hosts(&s, listen);
	if (choice->host == NULL && r->conf->nhosts > 0)
		return ROUTE_NO_HOST;
	if (!ended)
		try_place(&s, &r->places[r->conf->nhosts]);
	if (choice->route != NULL)
		return ROUTE_FOUND;
	if (choice->regex_limit || s.refused == NULL)
		return ROUTE_NO_ROUTE;
	choice->allow = allowed_methods(&s);
	return ROUTE_NO_METHOD;
}

enum route_result
router_find(const struct router *r, const struct conf_listen *listen,
    const struct request *request, const struct ip_port *client, struct arena *arena,
    struct route_choice *choice)
{
	return router_find_without(r, listen, request, client, NULL, arena, choice);
}
