/*
 * verify_paths.c - paths that probably mean more than they say.
 */
#include "base/map.h"
#include "conf/verify.h"

/* A route without any condition on its path. */
static bool
takes_all_paths(const struct conf_route *r)
{
	return r->npaths + r->path_regex.n == 0;
}

/* The prefixes of all routes, without `/` and star. */
static void
collect(const struct conf_snapshot *s, struct map *prefixes)
{
	for (unsigned i = 0; i < s->nroutes; i++) {
		struct conf_route *r = s->routes[i];

		if (takes_all_paths(r))
			map_add(prefixes, STR_OF(""), r);
		for (unsigned n = 0; n < r->npaths; n++)
			if (r->paths[n].kind == PATH_PREFIX)
				map_add(prefixes, r->paths[n].text, r);
	}
}

/* `/api/` where nothing serves what is below it: in other servers it means that too. */
static void
check_path(struct conf_whole *w, const struct conf_route *r, const struct conf_path *p,
    const struct map *prefixes)
{
	struct str directory = str_make(p->text.p, p->text.n - 1);

	if (p->kind != PATH_EXACT || !str_ends(p->text, STR_OF("/")) ||
	    map_get(prefixes, directory) != NULL)
		return;
	conf_warning(w->document.errors, p->at, "[route %.*s] path: %.*s is this path alone, and no"
	    " route has those below it (did you mean %.*s*?)", STR_ARG(r->name), STR_ARG(p->text),
	    STR_ARG(p->text));
}

void
conf_verify_paths(struct conf_whole *w)
{
	const struct conf_snapshot *s = &w->snapshot;
	struct map prefixes;

	map_init(&prefixes);
	collect(s, &prefixes);
	for (unsigned i = 0; i < s->nroutes; i++)
		for (unsigned n = 0; n < s->routes[i]->npaths; n++)
			check_path(w, s->routes[i], &s->routes[i]->paths[n], &prefixes);
	map_fini(&prefixes);
}
