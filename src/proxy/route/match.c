/*
 * match.c - the conditions of a route but those that the router's tables answer.
 */
#include "proxy/route/match.h"

#include "base/regex.h"
#include "proxy/text/params.h"

/* A value that must be there (`Name`), be this one (`Name: x`) or begin so (`Name: x*`). */
static bool
value_fits(const struct conf_match *m, struct str value)
{
	if (m->value.p == NULL)
		return true;
	return m->prefix ? str_starts(value, m->value) : str_eq(value, m->value);
}

static bool
header_fits(const struct conf_match *m, const struct fields *fields)
{
	FIELDS_EACH(f, fields)
		if (str_ieq(f->name, m->name) && value_fits(m, f->value))
			return true;
	return false;
}

static bool
query_fits(const struct conf_match *m, struct str query)
{
	struct param p;

	while (query_next(&query, &p)) {
		if (!query_text_eq(p.name, m->name, false))
			continue;
		if (m->value.p == NULL || query_text_eq(p.value, m->value, m->prefix))
			return true;
	}
	return false;
}

static bool
cookie_fits(const struct conf_match *m, const struct fields *fields)
{
	FIELDS_EACH(f, fields) {
		struct str rest = f->value;
		struct param p;

		if (f->id != FIELD_COOKIE)
			continue;
		while (cookie_next(&rest, &p))
			if (str_eq(p.name, m->name) && value_fits(m, p.value))
				return true;
	}
	return false;
}

static bool
any_header(const struct conf_route *route, const struct fields *fields)
{
	for (unsigned i = 0; i < route->nheaders; i++)
		if (header_fits(&route->headers[i], fields))
			return true;
	return route->nheaders == 0;
}

static bool
any_query(const struct conf_route *route, struct str query)
{
	for (unsigned i = 0; i < route->nqueries; i++)
		if (query_fits(&route->queries[i], query))
			return true;
	return route->nqueries == 0;
}

static bool
any_cookie(const struct conf_route *route, const struct fields *fields)
{
	for (unsigned i = 0; i < route->ncookies; i++)
		if (cookie_fits(&route->cookies[i], fields))
			return true;
	return route->ncookies == 0;
}

static bool
any_client(const struct conf_route *route, const struct ip_port *client)
{
	return route->clients.n == 0 || cidrs_have(route->clients.v, route->clients.n, client);
}

static bool
any_method(const struct conf_route *route, struct str method)
{
	for (unsigned i = 0; i < route->methods.n; i++)
		if (str_eq(route->methods.v[i], method))
			return true;
	return route->methods.n == 0;
}

/* Last of all: a pattern is the dearest condition. */
static enum match_result
any_regex(const struct conf_route *route, struct regex *const *regexes, struct match_subject *s)
{
	for (unsigned i = 0; i < route->path_regex.n; i++) {
		switch (regex_match(regexes[i], s->request->path, s->groups,
		    regex_group_count(regexes[i]) + 1)) {
		case REGEX_YES:
			s->pattern = regexes[i];
			return MATCH_YES;
		case REGEX_LIMIT:
			return MATCH_LIMIT;
		case REGEX_NO:
			break;
		}
	}
	return route->path_regex.n == 0 ? MATCH_YES : MATCH_NO;
}

bool
match_is_needed(const struct conf_route *route)
{
	return route->nheaders + route->nqueries + route->ncookies + route->clients.n +
	    route->path_regex.n + route->methods.n > 0;
}

enum match_result
match_conditions(const struct conf_route *route, struct regex *const *regexes,
    struct match_subject *s)
{
	const struct request *request = s->request;
	enum match_result result;

	s->pattern = NULL;
	if (!any_header(route, &request->fields) || !any_query(route, request->target.query) ||
	    !any_cookie(route, &request->fields) || !any_client(route, s->client))
		return MATCH_NO;
	result = any_regex(route, regexes, s);
	if (result == MATCH_YES && !any_method(route, request->method))
		return MATCH_BUT_METHOD;
	return result;
}

static bool
path_fits(const struct conf_path *p, struct str path)
{
	if (p->kind == PATH_EXACT)
		return str_eq(path, p->text);
	return str_starts(path, p->text) &&
	    (path.n == p->text.n || p->text.n == 0 || path.p[p->text.n] == '/');
}

bool
match_paths(const struct conf_route *route, struct str path)
{
	for (unsigned i = 0; i < route->npaths; i++)
		if (path_fits(&route->paths[i], path))
			return true;
	return route->npaths == 0;
}
