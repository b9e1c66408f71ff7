/*
 * route.c - which host and route serve a request.
 *
 *	Host ─► host_map ─► places: exact name, wildcards (longest first), all hosts
 *	each place:  exact path ─► patterns ─► prefixes, longest first; those without a path last
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
#include "shm/metrics.h"

enum { REGEX_ERROR = 160 };

_Static_assert(sizeof(struct route) == MEM_LINE, "a route is one line");

/* Where the routes of one host, or those for all hosts, are found: on one cache line too. */
struct place {
	struct candidates whole;	/* for all paths: those that say so, then those without */
	struct candidates *patterns;	/* routes with path_regex; NULL: none */
	bool has_paths;			/* the trie has more below the root that is this place */
	const struct conf_host *host;	/* NULL: all */
	bool redirect_https;		/* of the host */
} __attribute__((aligned(MEM_LINE)));

_Static_assert(sizeof(struct place) == MEM_LINE, "a place is one line");

struct router {
	const struct conf_snapshot *conf;
	struct arena arena;
	struct path_trie trie;
	struct host_map *hosts;
	struct place *places;		/* by host index; the last one is for all hosts */
	struct route *routes;		/* by route index */
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
compile_regexes(struct router *r, struct route *c, struct capture_names *names,
    struct conf_errors *errors)
{
	const struct conf_route *conf = c->conf;
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

/* The text that the action of a route has, and the key that it stands in. */
static struct str
action_text(const struct conf_route *conf, const char **key)
{
	switch (conf->action) {
	case ACTION_REDIRECT:
		*key = "redirect";
		return conf->redirect_url;
	case ACTION_RESPOND:
		*key = "respond";
		return conf->respond_text.p != NULL ? conf->respond_text : STR_OF("");
	default:
		*key = "split";
		return conf->split_key;
	}
}

static struct template *
compile_text(const struct conf_route *conf, const struct capture_names *names,
    struct conf_errors *errors)
{
	const struct template_scope scope = { .names = names };
	const char *key;
	struct str text = action_text(conf, &key);
	char what[96];

	if (text.p == NULL)
		return NULL;
	snprintf(what, sizeof(what), "[route %.*s] %s", STR_ARG(conf->name), key);
	return template_new_in(&scope, text, errors, conf->action_at, what);
}

/* Keys of a route can name the groups of its own patterns, but not those of other routes. */
static void
compile_route(struct router *r, struct route *c, struct capture_names *all,
    struct conf_errors *errors)
{
	const struct conf_route *conf = c->conf;
	struct capture_names *names = capture_names_new();

	c->policy = conf->policy;
	c->backend = conf->action == ACTION_BUCKET ? conf->bucket->backend : conf->backend;
	c->action = (unsigned char)conf->action;
	c->conditional = match_is_needed(conf);
	c->moves = rewrite_is_needed(conf);
	compile_regexes(r, c, names, errors);
	c->rewrites = rewrite_rules_new(conf, names, errors);
	c->text = compile_text(conf, names, errors);
	if (all != NULL)
		capture_names_join(all, names);
	capture_names_free(names);
}

static void
prepend(struct router *r, struct candidates *list, const struct route *c)
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
prepend_pattern(struct router *r, struct place *place, const struct route *c)
{
	if (place->patterns == NULL)
		place->patterns = ARENA_NEW(&r->arena, struct candidates);
	prepend(r, place->patterns, c);
}

static void
add_to_place(struct router *r, struct place *place, const struct route *c)
{
	const struct conf_route *conf = c->conf;

	for (unsigned i = 0; i < conf->npaths; i++) {
		const struct conf_path *path = &conf->paths[i];
		struct path_node *node;

		if (path->kind == PATH_PREFIX && conf->path_regex.n > 0)
			continue;
		node = path_trie_add(&r->trie, (uint32_t)(place - r->places), path->text);
		if (node == NULL) {
			prepend(r, &place->whole, c);
			continue;
		}
		prepend(r, path->kind == PATH_EXACT ? &node->exact : &node->prefix, c);
		place->has_paths = true;
	}
	if (conf->path_regex.n > 0)
		prepend_pattern(r, place, c);
	else if (conf->npaths == 0)
		prepend(r, &place->whole, c);
}

static void
add_route(struct router *r, const struct route *c)
{
	const struct conf_route *conf = c->conf;

	for (unsigned i = 0; i < conf->nhosts; i++)
		add_to_place(r, &r->places[conf->hosts[i]->index], c);
	if (conf->nhosts == 0)
		add_to_place(r, &r->places[r->conf->nhosts], c);
}

static bool
has_path(const struct conf_route *conf)
{
	return conf->npaths > 0 || conf->path_regex.n > 0;
}

/* Worst first, as each is put before those that are there. */
static void
add_routes(struct router *r, bool with_path)
{
	unsigned most = 0;

	for (unsigned i = 0; i < r->conf->nroutes; i++)
		if (r->conf->routes[i]->condition_kinds > most)
			most = r->conf->routes[i]->condition_kinds;
	for (unsigned kinds = 0; kinds <= most; kinds++)
		for (unsigned i = r->conf->nroutes; i-- > 0;)
			if (r->conf->routes[i]->condition_kinds == kinds &&
			    has_path(r->conf->routes[i]) == with_path)
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
	path_trie_init(&r->trie, snapshot->nhosts + 1, &r->arena);
	r->hosts = host_map_new(snapshot);
	r->places = mem_zalloc_lines((size_t)snapshot->nhosts + 1, sizeof(r->places[0]));
	r->routes = mem_zalloc_lines(snapshot->nroutes, sizeof(r->routes[0]));
	for (unsigned i = 0; i < snapshot->nhosts; i++) {
		r->places[i].host = snapshot->hosts[i];
		r->places[i].redirect_https = snapshot->hosts[i]->redirect_https;
	}
	for (unsigned i = 0; i < snapshot->nroutes; i++) {
		r->routes[i].conf = snapshot->routes[i];
		compile_route(r, &r->routes[i], names, errors);
	}
	if (conf_errors_count(errors) != before) {
		router_free(r);
		return NULL;
	}
	add_routes(r, false);
	add_routes(r, true);
	return r;
}

static void
route_fini(struct route *c)
{
	for (unsigned i = 0; c->regexes != NULL && i < c->conf->path_regex.n; i++)
		regex_free(c->regexes[i]);
	mem_free(c->regexes);
	template_free(c->text);
	rewrite_rules_free(c->rewrites);
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
	return &r->routes[index];
}

void
router_set_metrics(struct router *r, const struct metrics *metrics, const uint32_t *rows)
{
	for (unsigned i = 0; i < r->conf->nroutes; i++)
		r->routes[i].cell = metrics_place(metrics, rows[i]);
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

static enum match_result
match(struct search *s, const struct route *c)
{
	s->subject.pattern = NULL;
	if (!c->conditional)
		return MATCH_YES;
	if (c->regexes != NULL && s->subject.groups == NULL)
		s->subject.groups = arena_alloc(s->arena,
		    s->router->most_groups * sizeof(*s->subject.groups));
	return match_conditions(c->conf, c->regexes, &s->subject);
}

/* True ends the search: the route is found, or a pattern gave up. */
static bool
try_route(struct search *s, const struct route *c)
{
	if (unlikely(c == s->except))
		return false;
	switch (match(s, c)) {
	case MATCH_YES:
		s->choice->route = c;
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
		remember_refused(s, c->conf);
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
		if (match_paths(list->route->conf, s->request->path) &&
		    try_route(s, list->route))
			return true;
	return false;
}

static bool
try_place(struct search *s, const struct place *place)
{
	const struct path_trie *trie = &s->router->trie;
	const struct path_node *node = NULL;
	bool whole = false;

	if (place->has_paths)
		node = path_trie_walk(trie, (uint32_t)(place - s->router->places),
		    s->request->path, &whole);
	if (whole && try_list(s, &node->exact))
		return true;
	if (try_patterns(s, place->patterns))
		return true;
	for (; node != NULL; node = path_trie_parent(trie, node))
		if (try_list(s, &node->prefix))
			return true;
	return try_list(s, &place->whole);
}

/* The best host is the request's, unless a route of another one serves it. */
static bool
try_host(struct search *s, unsigned host)
{
	const struct place *place = &s->router->places[host];
	struct route_choice *choice = s->choice;
	bool ended = try_place(s, place);

	if (ended || choice->host == NULL) {
		choice->host = place->host;
		choice->redirect_https = place->redirect_https;
	}
	return ended;
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
