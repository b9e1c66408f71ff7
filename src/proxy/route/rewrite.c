/*
 * rewrite.c - the path and query that go to the server: strip_prefix, rewrite, add_prefix.
 */
#include "proxy/route/rewrite.h"

#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/regex.h"
#include "proxy/route/route.h"
#include "proxy/text/escape.h"
#include "proxy/text/template.h"

struct rule {
	struct regex *pattern;
	struct template *replacement;
	bool sets_query;
};

struct rewrite_rules {
	unsigned n;
	struct rule v[];
};

/* A path as routes compare it, and the query as it was received; absent without '?'. */
struct place {
	struct str path;
	struct str query;
};

/* ---- at load */

static void
compile(struct rule *r, const struct conf_rewrite *c, const struct capture_names *names,
    struct conf_errors *errors, const char *what)
{
	struct template_scope scope = { .names = names };
	char error[160];

	r->pattern = regex_new(c->pattern, error, sizeof(error));
	if (r->pattern == NULL) {
		conf_error(errors, c->at, "%s: \"%.*s\": %s", what, STR_ARG(c->pattern), error);
		return;
	}
	r->sets_query = str_find(c->replacement, '?') >= 0;
	scope.pattern = r->pattern;
	r->replacement = template_new_in(&scope, c->replacement, errors, c->at, what);
}

static void
add_names(const struct rewrite_rules *rules, const struct conf_route *route,
    struct capture_names *names, struct conf_errors *errors, const char *what)
{
	for (unsigned i = 0; i < rules->n; i++)
		if (rules->v[i].pattern != NULL)
			capture_names_add(names, rules->v[i].pattern, errors,
			    route->rewrites[i].at, what);
}

struct rewrite_rules *
rewrite_rules_new(const struct conf_route *route, struct capture_names *names,
    struct conf_errors *errors)
{
	struct rewrite_rules *rules;
	size_t before = conf_errors_count(errors);
	char what[96];

	if (route->nrewrites == 0)
		return NULL;
	rules = mem_zalloc(1, sizeof(*rules) + route->nrewrites * sizeof(rules->v[0]));
	rules->n = route->nrewrites;
	snprintf(what, sizeof(what), "[route %.*s] rewrite", STR_ARG(route->name));
	for (unsigned i = 0; i < rules->n; i++)
		compile(&rules->v[i], &route->rewrites[i], names, errors, what);
	add_names(rules, route, names, errors, what);
	if (conf_errors_count(errors) == before)
		return rules;
	rewrite_rules_free(rules);
	return NULL;
}

bool
rewrite_is_needed(const struct conf_route *route)
{
	return route->strip_prefix.n > 0 || route->add_prefix.n > 0 || route->nrewrites > 0;
}

void
rewrite_rules_free(struct rewrite_rules *rules)
{
	if (rules == NULL)
		return;
	for (unsigned i = 0; i < rules->n; i++) {
		regex_free(rules->v[i].pattern);
		template_free(rules->v[i].replacement);
	}
	mem_free(rules);
}

/* ---- patterns */

/* Whether a parameter begins here, also for a server that decodes first. */
static bool
is_semicolon(struct str s)
{
	return s.n > 0 && (s.p[0] == ';' ||
	    (s.n >= 3 && str_ieq(str_make(s.p, 3), STR_OF("%3b"))));
}

/*
 * How many dots a segment is made of, however they are written; 0 if of anything else.  What stands
 * behind a semicolon does not count: servers of Java take it for a parameter and drop it.
 */
static unsigned
count_dots(struct str segment)
{
	unsigned dots = 0;

	while (segment.n > 0 && !is_semicolon(segment)) {
		size_t n = 1;

		if (segment.n >= 3 && str_ieq(str_make(segment.p, 3), STR_OF("%2e")))
			n = 3;
		else if (segment.p[0] != '.')
			return 0;
		segment = str_skip(segment, n);
		dots++;
	}
	return dots;
}

/* The length of a slash that `s` begins with, however it is written; 0: there is none. */
static size_t
slash_length(struct str s)
{
	if (s.p[0] == '/')
		return 1;
	if (s.n >= 3 && (str_ieq(str_make(s.p, 3), STR_OF("%2f")) ||
	    str_ieq(str_make(s.p, 3), STR_OF("%5c"))))
		return 3;
	return 0;
}

/* Cuts the path at its next slash, whose length is 1, 3 if it is encoded, or 0 at the end. */
static size_t
cut_segment(struct str *path, struct str *segment)
{
	size_t n = 0, slash = 0;

	while (n < path->n && (slash = slash_length(str_skip(*path, n))) == 0)
		n++;
	*segment = str_make(path->p, n);
	*path = str_skip(*path, n + slash);
	return slash;
}

enum dots {
	DOTS_NONE,
	DOTS_PLAIN,			/* `.` and `..` that lead everybody to the same place */
	DOTS_ODD,			/* where they lead depends on who reads them */
};

/*
 * Looks for dot segments in a path, which begins with a slash.  They are odd if a part of them or a
 * slash beside them is encoded, or if a parameter follows.  A `..` is also odd behind what only
 * some servers count as a segment: an encoded slash, an empty segment, or one of a parameter alone.
 * In `/a//../b`, for example, it leads to /b if runs of slashes are one, as for our routes, and to
 * /a/b if they are not.
 */
static enum dots
find_dots(struct str path)
{
	enum dots found = DOTS_NONE;
	size_t before, after = slash_length(path);
	bool uncounted = false;
	struct str segment;

	path = str_skip(path, after);
	do {
		unsigned dots;

		before = after;
		after = cut_segment(&path, &segment);
		dots = count_dots(segment);
		if (dots == 1 || dots == 2) {
			if (dots != segment.n || before == 3 || after == 3 ||
			    (dots == 2 && uncounted))
				return DOTS_ODD;
			found = DOTS_PLAIN;
		}
		uncounted |= segment.n == 0 || is_semicolon(segment) || after == 3;
	} while (after > 0);
	return found;
}

/* Splits what a replacement gave. */
static bool
take_result(struct exchange *x, struct str result, bool sets_query, struct place *place)
{
	ptrdiff_t mark = str_find(result, '?');
	struct str path = result;

	if (sets_query)
		place->query = (struct str){ NULL, 0 };
	if (mark >= 0) {
		path.n = (size_t)mark;
		if (path.n + 1 < result.n)
			place->query = str_skip(result, path.n + 1);
	}
	if (path.n == 0 || path.p[0] != '/')
		path = arena_printf(&x->stream->arena, "/%.*s", STR_ARG(path));
	if (find_dots(path) != DOTS_NONE)
		return false;
	place->path = target_normalise(&x->stream->arena, path);
	return place->path.p != NULL;
}

static enum rewrite_result
replace(struct exchange *x, const struct rule *r, const struct str *groups, struct place *place)
{
	struct buf out = { NULL, 0, 0 };
	struct str result;

	x->groups = groups;
	template_write_uri(r->replacement, x, false, &out);
	x->groups = NULL;
	result = arena_str(&x->stream->arena, buf_view(&out));
	buf_fini(&out);
	x->rewritten = true;
	return take_result(x, result, r->sets_query, place) ? REWRITE_OK : REWRITE_BAD_PATH;
}

/* What the rule's groups took, for templates that are written later. */
static void
keep_groups(struct exchange *x, const struct rule *r, const struct str *groups)
{
	unsigned n = regex_group_count(r->pattern) + 1;
	struct str *kept, name;

	if (!regex_group_name(r->pattern, 0, &name))
		return;
	if (n > TEMPLATE_GROUPS)
		n = TEMPLATE_GROUPS;
	kept = arena_alloc(&x->stream->arena, n * sizeof(*kept));
	memcpy(kept, groups, n * sizeof(*kept));
	x->rewrite_captured = (struct captured){ r->pattern, kept, n };
}

/* The first rule whose pattern matches is applied. */
static enum rewrite_result
apply_rules(struct exchange *x, const struct rewrite_rules *rules, struct place *place)
{
	struct str groups[TEMPLATE_GROUPS];

	for (unsigned i = 0; rules != NULL && i < rules->n; i++) {
		const struct rule *r = &rules->v[i];

		switch (regex_match(r->pattern, place->path, groups, ARRAY_LEN(groups))) {
		case REGEX_YES:
			keep_groups(x, r, groups);
			return replace(x, r, groups, place);
		case REGEX_LIMIT:
			return REWRITE_LIMIT;
		default:
			break;
		}
	}
	return REWRITE_OK;
}

/* ---- prefixes */

static void
put_path(struct buf *out, struct str path)
{
	escape_uri(out, path, URI_PATH, URI_IN_PATH);
}

/* `path` without the prefix, by whole segments; unchanged when it does not begin with it. */
static struct str
without_prefix(struct str path, struct str prefix)
{
	if (prefix.n == 0 || !str_starts(path, prefix))
		return path;
	if (path.n > prefix.n && path.p[prefix.n] != '/')
		return path;
	path = str_skip(path, prefix.n);
	return path.n > 0 ? path : STR_OF("/");
}

static struct str
joined(struct exchange *x, struct str prefix, struct str path)
{
	if (prefix.n == 0)
		return path;
	return arena_printf(&x->stream->arena, "%.*s%.*s", STR_ARG(prefix), STR_ARG(path));
}

/* The target of a place; add_prefix is sent as it is written. */
static struct str
target_of(struct exchange *x, const struct place *place)
{
	struct buf out = { NULL, 0, 0 };
	struct str uri;

	buf_str(&out, x->conf->add_prefix);
	put_path(&out, place->path);
	if (place->query.p != NULL) {
		buf_char(&out, '?');
		buf_str(&out, place->query);
	}
	uri = arena_str(&x->stream->arena, buf_view(&out));
	buf_fini(&out);
	return uri;
}

/* Our own sources go by the normalised path. */
static bool
may_reach_server(const struct exchange *x)
{
	if (x->mirror_tap != NULL || x->conf->files_backend != NULL)
		return true;
	return x->backend != NULL && x->route->action != ACTION_BUCKET;
}

static enum rewrite_result
leave_unchanged(struct exchange *x)
{
	const struct request *r = x->request;

	/* A path that is normal as it came has no dot segments: mostly there is nothing to do. */
	if (r->path.p != r->target.path.p && !x->policy->encoded_dots && may_reach_server(x) &&
	    find_dots(r->target.path) == DOTS_ODD)
		return REWRITE_DOTS;
	x->uri = target_origin_form(&x->stream->arena, &r->target, r->raw_target);
	return REWRITE_OK;
}

enum rewrite_result
rewrite_uri(struct exchange *x)
{
	const struct conf_route *c = x->conf;
	const struct target *t = &x->request->target;
	const struct rewrite_rules *rules = x->route->rewrites;
	struct place place = { x->request->path, t->query };
	enum rewrite_result r;

	x->path = x->request->path;
	if (t->form == TARGET_ASTERISK ||
	    (t->no_path && x->request->method_id == METHOD_OPTIONS)) {
		x->uri = STR_OF("*");		/* RFC 9112, 3.2.4 */
		return REWRITE_OK;
	}
	if (!x->route->moves)
		return leave_unchanged(x);
	place.path = without_prefix(place.path, c->strip_prefix);
	r = apply_rules(x, rules, &place);
	if (r != REWRITE_OK)
		return r;
	if (rules != NULL && !x->rewritten && c->strip_prefix.n == 0 && c->add_prefix.n == 0)
		return leave_unchanged(x);
	/* What is left of them is odd: the others have been resolved. */
	if (find_dots(place.path) != DOTS_NONE)
		return REWRITE_BAD_PATH;
	x->uri = target_of(x, &place);
	x->path = joined(x, target_normalise(&x->stream->arena, c->add_prefix), place.path);
	return REWRITE_OK;
}
