/*
 * verify_shadows.c - routes that no request can reach, as others take all of theirs.
 *
 * Routes are compared within a place: a host, or what is for all hosts.  To keep that from growing
 * with the square of their number, a route only meets those with its first path or pattern, and the
 * few that could take anything.
 */
#include "base/mem.h"
#include "conf/covers.h"
#include "conf/verify.h"

enum { COMPARISONS_MAX = 10000000 };	/* about a second; warnings are not worth more */

/* A route in one of its places. */
struct entry {
	struct entry *next;
	const struct conf_route *route;
};

struct place {
	struct map by_path;		/* lists of entries */
	struct entry *wide;		/* those that could take any path */
	const struct conf_route *takes_all;	/* NULL: none */
};

struct shadows {
	const struct conf_snapshot *shot;
	struct place *places;		/* by host; the last one is for all hosts */
	unsigned comparisons;
	struct arena arena;
};

/* What routes have in common if one of them can take the other's requests on its first path. */
static struct str
key_of(struct arena *arena, const struct conf_route *r, unsigned path)
{
	if (r->npaths > 0)
		return arena_printf(arena, "%.*s%s", STR_ARG(r->paths[path].text),
		    r->paths[path].kind == PATH_PREFIX ? "/*" : "");
	return r->path_regex.n > 0 ? r->path_regex.v[path] : STR_OF("");
}

static unsigned
count_keys(const struct conf_route *r)
{
	if (r->npaths > 0)
		return r->npaths;
	return r->path_regex.n > 0 ? r->path_regex.n : 1;
}

static bool
is_wide(const struct conf_route *r)
{
	if (covers_all_by_pattern(r))
		return true;
	for (unsigned i = 0; i < r->npaths; i++)
		if (r->paths[i].kind == PATH_PREFIX && r->paths[i].text.n == 0)
			return true;
	return r->npaths + r->path_regex.n == 0;
}

static void
add_entry(struct shadows *s, struct place *place, struct str key, const struct conf_route *r)
{
	struct entry *e = ARENA_NEW(&s->arena, struct entry), *first;

	e->route = r;
	first = map_add(&place->by_path, key, e);
	if (first != NULL) {
		e->next = first->next;
		first->next = e;
	}
}

static void
add_to_place(struct shadows *s, struct place *place, const struct conf_route *r)
{
	if (place->takes_all == NULL && covers_all(r))
		place->takes_all = r;
	if (is_wide(r)) {
		struct entry *e = ARENA_NEW(&s->arena, struct entry);

		*e = (struct entry){ place->wide, r };
		place->wide = e;
		return;
	}
	for (unsigned i = 0; i < count_keys(r); i++)
		add_entry(s, place, key_of(&s->arena, r, i), r);
}

static void
fill_places(struct shadows *s)
{
	for (unsigned i = 0; i < s->shot->nroutes; i++) {
		const struct conf_route *r = s->shot->routes[i];

		for (unsigned h = 0; h < r->nhosts; h++)
			add_to_place(s, &s->places[r->hosts[h]->index], r);
		if (r->nhosts == 0)
			add_to_place(s, &s->places[s->shot->nhosts], r);
	}
}

static const struct conf_route *
find_cover(struct shadows *s, const struct entry *list, const struct conf_route *r)
{
	for (; list != NULL && s->comparisons < COMPARISONS_MAX; list = list->next) {
		s->comparisons++;
		if (covers_always(list->route, r))
			return list->route;
	}
	return NULL;
}

/* The route that takes all of r's requests in this place, or NULL. */
static const struct conf_route *
cover_in(struct shadows *s, const struct place *place, const struct conf_route *r)
{
	const struct conf_route *cover = find_cover(s, place->wide, r);

	if (cover != NULL)
		return cover;
	return find_cover(s, map_get(&place->by_path, key_of(&s->arena, r, 0)), r);
}

/* The same for all places of the route. */
static const struct conf_route *
cover_of(struct shadows *s, const struct conf_route *r)
{
	const struct conf_route *cover = NULL;

	if (r->nhosts == 0)
		return cover_in(s, &s->places[s->shot->nhosts], r);
	for (unsigned i = 0; i < r->nhosts; i++) {
		cover = cover_in(s, &s->places[r->hosts[i]->index], r);
		if (cover == NULL)
			return NULL;
	}
	return cover;
}

/* Routes for all hosts are tried last, and never where every host has one that takes all. */
static bool
hosts_take_all(const struct shadows *s)
{
	for (unsigned i = 0; i < s->shot->nhosts; i++)
		if (s->places[i].takes_all == NULL)
			return false;
	return s->shot->nhosts > 0;
}

static void
warn_unreachable(struct shadows *s, struct conf_whole *w)
{
	struct conf_document *d = &w->document;
	bool none_left = hosts_take_all(s);

	for (unsigned i = 0; i < s->shot->nroutes; i++) {
		const struct conf_route *r = s->shot->routes[i], *cover = cover_of(s, r);

		if (cover != NULL)
			conf_warning(d->errors, r->at, "[route %.*s]: is never reached, as [route"
			    " %.*s] at %.*s takes all of its requests", STR_ARG(r->name),
			    STR_ARG(cover->name), STR_ARG(conf_origin_text(d, cover->at)));
		else if (r->nhosts == 0 && none_left)
			conf_warning(d->errors, r->at, "[route %.*s]: is never reached, as every"
			    " host has a route that takes all requests (name its hosts: host ="
			    " NAME)", STR_ARG(r->name));
	}
}

void
conf_verify_shadows(struct conf_whole *w)
{
	struct shadows s = { .shot = &w->snapshot };
	unsigned n = w->snapshot.nhosts + 1;

	arena_init(&s.arena);
	s.places = mem_zalloc(n, sizeof(*s.places));
	fill_places(&s);
	warn_unreachable(&s, w);
	for (unsigned i = 0; i < n; i++)
		map_fini(&s.places[i].by_path);
	mem_free(s.places);
	arena_fini(&s.arena);
}
