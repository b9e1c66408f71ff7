/*
 * explain_route.c - why a host and a route were chosen, in words.
 */
#include "proxy/explain/explain.h"
#include "proxy/route/match.h"

/* How a route stands for a path in the choice, worst first. */
enum rank { RANK_NONE, RANK_PREFIX, RANK_PATTERN, RANK_EXACT };

static const char *const rank_names[] = {
	[RANK_NONE] = "no path", [RANK_PREFIX] = "a prefix", [RANK_PATTERN] = "a pattern",
	[RANK_EXACT] = "an exact path",
};

struct standing {
	enum rank rank;
	struct str prefix;		/* with RANK_PREFIX, the longest */
};

static bool
fits(struct conf_path *p, struct str path)
{
	const struct conf_route alone = { .paths = p, .npaths = 1 };

	return match_paths(&alone, path);
}

static struct standing
standing_of(const struct conf_route *r, struct str path)
{
	struct standing s = { r->path_regex.n > 0 ? RANK_PATTERN : RANK_NONE, STR("") };

	for (unsigned i = 0; i < r->npaths; i++) {
		struct conf_path *p = &r->paths[i];

		if (!fits(p, path))
			continue;
		if (p->kind == PATH_EXACT)
			s.rank = RANK_EXACT;
		else if (s.rank == RANK_NONE)
			s.rank = RANK_PREFIX;
		if (p->kind == PATH_PREFIX && p->text.n > s.prefix.n)
			s.prefix = p->text;
	}
	return s;
}

static struct str
compare(const struct conf_route *won, const struct conf_route *lost, struct str path,
    struct arena *arena)
{
	struct standing a = standing_of(won, path), b = standing_of(lost, path);

	if (a.rank != b.rank)
		return arena_printf(arena, "%s goes before %s", rank_names[a.rank],
		    rank_names[b.rank]);
	if (a.rank == RANK_PREFIX && a.prefix.n != b.prefix.n)
		return arena_printf(arena, "its prefix %.*s/* is shorter than %.*s/*",
		    STR_ARG(b.prefix), STR_ARG(a.prefix));
	if (won->condition_kinds != lost->condition_kinds)
		return arena_printf(arena, "%u kinds of conditions go before %u",
		    won->condition_kinds, lost->condition_kinds);
	return STR_OF("it stands later in the file");
}

struct str
explain_reason(const struct explained *e, struct arena *arena)
{
	const struct conf_route *won = e->x->conf, *lost = e->runner_up.route->conf;

	if (won->nhosts > 0 && lost->nhosts == 0)
		return STR_OF("routes that name the host go before those for all hosts");
	if (won->nhosts > 0 && e->x->host != e->runner_up.host)
		return arena_printf(arena, "the name of [host %.*s] fits less exactly",
		    STR_ARG(e->runner_up.host->name));
	return compare(won, lost, e->x->request->path, arena);
}

const char *
explain_host(const struct exchange *x)
{
	struct str name = x->request->host, wildcard;

	for (unsigned i = 0; i < x->host->names.n; i++) {
		struct str known = x->host->names.v[i];

		if (str_eq(known, name))
			return "by its name";
		wildcard = str_starts(known, STR_OF("*")) ? str_skip(known, 1) : known;
		if (wildcard.n < known.n && str_ends(name, wildcard))
			return "by a wildcard";
	}
	return "as default_host";
}
