/*
 * covers.c - whether one route takes every request that another could take.
 */
#include "conf/covers.h"

#include "base/check.h"

/* The rank of a path in the choice, worst first; among prefixes the longer one is better. */
enum rank { RANK_NONE, RANK_PREFIX, RANK_PATTERN, RANK_EXACT };

enum verdict { LOSES, TIES, WINS };

/* ---- conditions besides the path: every value of b has one of a that takes it too */

static bool
match_covers(const struct conf_match *a, const struct conf_match *b)
{
	if (!str_eq(a->name, b->name))
		return false;
	if (a->value.p == NULL)
		return true;
	if (b->value.p == NULL)
		return a->prefix && a->value.n == 0;
	if (a->prefix)
		return str_starts(b->value, a->value);
	return !b->prefix && str_eq(a->value, b->value);
}

static bool
matches_cover(const struct conf_match *a, unsigned na, const struct conf_match *b, unsigned nb)
{
	unsigned covered = 0;

	if (na == 0)
		return true;
	for (unsigned i = 0; i < nb; i++)
		for (unsigned k = 0; k < na; k++)
			if (match_covers(&a[k], &b[i])) {
				covered++;
				break;
			}
	return nb > 0 && covered == nb;
}

static bool
has(const struct conf_strs *list, struct str s)
{
	for (unsigned i = 0; i < list->n; i++)
		if (str_eq(list->v[i], s))
			return true;
	return false;
}

static bool
strs_cover(const struct conf_strs *a, const struct conf_strs *b)
{
	if (a->n == 0)
		return true;
	for (unsigned i = 0; i < b->n; i++)
		if (!has(a, b->v[i]))
			return false;
	return b->n > 0;
}

static bool
cidr_covers(const struct cidr *a, const struct cidr *b)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct ip_port ip = { .family = AF_INET6 };

	if (a->unix_sockets || b->unix_sockets)
		return a->unix_sockets && b->unix_sockets;
	if (memcmp(b->ip, mapped, sizeof(mapped)) == 0)
		ip.family = AF_INET;
	memcpy(ip.ip, b->ip, sizeof(ip.ip));
	return a->bits <= b->bits && cidr_has(a, &ip);
}

static bool
clients_cover(const struct conf_cidrs *a, const struct conf_cidrs *b)
{
	unsigned covered = 0;

	if (a->n == 0)
		return true;
	for (unsigned i = 0; i < b->n; i++)
		for (unsigned k = 0; k < a->n; k++)
			if (cidr_covers(&a->v[k], &b->v[i])) {
				covered++;
				break;
			}
	return b->n > 0 && covered == b->n;
}

bool
covers_all_by_pattern(const struct conf_route *r)
{
	static const struct str all[] = {
		STR("/"), STR("^"), STR("^/"), STR(".*"), STR("^.*$"), STR("^/.*$"), STR("^/.*"),
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (has(&r->path_regex, all[i]))
			return true;
	return false;
}

static bool
conditions_cover(const struct conf_route *a, const struct conf_route *b)
{
	return strs_cover(&a->methods, &b->methods) &&
	    (strs_cover(&a->path_regex, &b->path_regex) || covers_all_by_pattern(a)) &&
	    matches_cover(a->headers, a->nheaders, b->headers, b->nheaders) &&
	    matches_cover(a->queries, a->nqueries, b->queries, b->nqueries) &&
	    matches_cover(a->cookies, a->ncookies, b->cookies, b->ncookies) &&
	    clients_cover(&a->clients, &b->clients);
}

/* ---- paths */

static bool
path_covers(const struct conf_path *a, const struct conf_path *b)
{
	if (a->kind == PATH_EXACT)
		return b->kind == PATH_EXACT && str_eq(a->text, b->text);
	return str_starts(b->text, a->text) &&
	    (a->text.n == b->text.n || b->text.p[a->text.n] == '/');
}

/* The rank at which a route stands for requests with this path of it; NULL: it has none. */
static enum rank
rank_of(const struct conf_route *r, const struct conf_path *p)
{
	if (p != NULL && p->kind == PATH_EXACT)
		return RANK_EXACT;
	if (r->path_regex.n > 0)
		return RANK_PATTERN;
	return p != NULL ? RANK_PREFIX : RANK_NONE;
}

/* How one path of `a` fares against one of `b`, for the requests of the latter. */
static enum verdict
compare_paths(const struct conf_route *a, const struct conf_path *pa, const struct conf_route *b,
    const struct conf_path *pb)
{
	enum rank ra = rank_of(a, pa), rb = rank_of(b, pb);

	/* Only the prefix of all paths takes what has no condition on its path. */
	if (pa != NULL && (pb == NULL ? pa->kind == PATH_EXACT || pa->text.n > 0 :
	    !path_covers(pa, pb)))
		return LOSES;
	if (ra != rb)
		return ra > rb ? WINS : LOSES;
	if (ra == RANK_PREFIX && pa->text.n != pb->text.n)
		return LOSES;		/* the shorter one */
	return TIES;
}

static const struct conf_path *
path_at(const struct conf_route *r, unsigned i)
{
	return r->npaths > 0 ? &r->paths[i] : NULL;
}

/* The best that any path of `a` does against one of `b`. */
static enum verdict
best_against(const struct conf_route *a, const struct conf_route *b, const struct conf_path *pb)
{
	enum verdict best = LOSES;
	unsigned i = 0;

	do {
		enum verdict v = compare_paths(a, path_at(a, i), b, pb);

		if (v > best)
			best = v;
	} while (++i < a->npaths);
	return best;
}

bool
covers_always(const struct conf_route *a, const struct conf_route *b)
{
	bool first = a->condition_kinds > b->condition_kinds ||
	    (a->condition_kinds == b->condition_kinds && a->index < b->index);
	unsigned i = 0;

	if (a == b || !conditions_cover(a, b))
		return false;
	do {
		enum verdict v = best_against(a, b, path_at(b, i));

		if (v == LOSES || (v == TIES && !first))
			return false;
	} while (++i < b->npaths);
	return true;
}

bool
covers_all(const struct conf_route *r)
{
	if (r->methods.n + r->nheaders + r->nqueries + r->ncookies + r->clients.n > 0)
		return false;
	if (r->path_regex.n > 0 && !covers_all_by_pattern(r))
		return false;
	for (unsigned i = 0; i < r->npaths; i++)
		if (r->paths[i].kind == PATH_PREFIX && r->paths[i].text.n == 0)
			return true;
	return r->npaths == 0;
}
