/*
 * cors.c - which pages of other origins may read responses: the Fetch standard's CORS protocol.
 */
#include "proxy/filter/cors.h"

#include "proxy/answer.h"
#include "proxy/filter/filter.h"

/* Browsers know no longer time than two hours to a day. */
#define MAX_AGE		"7200"

enum { ALLOW_HEADERS_MAX = 2048 };	/* names that are sent back */

static const struct str asked_method = STR("Access-Control-Request-Method");
static const struct str asked_headers = STR("Access-Control-Request-Headers");

static struct str
value_of(const struct request *r, struct str name)
{
	const struct field *f = fields_find_name(&r->fields, name);

	return f != NULL ? f->value : (struct str){ NULL, 0 };
}

static struct str
origin_of(const struct request *r)
{
	const struct field *f = fields_find(&r->fields, FIELD_ORIGIN);

	return f != NULL ? f->value : (struct str){ NULL, 0 };
}

bool
cors_preflight(const struct request *r, struct request *wanted)
{
	struct str method;

	if (r->method_id != METHOD_OPTIONS)
		return false;
	method = value_of(r, asked_method);
	if (method.n == 0 || !str_all(method, CHAR_TOKEN) || origin_of(r).p == NULL)
		return false;
	*wanted = *r;
	wanted->method = method;
	wanted->method_id = method_lookup(method);
	return true;
}

/* A star stands for names of any depth, not for another port. */
static bool
fits(struct str pattern, struct str origin)
{
	ptrdiff_t star = str_find(pattern, '*');
	struct str before, behind, middle;

	if (star < 0)
		return str_ieq(pattern, origin);
	before = str_make(pattern.p, (size_t)star);
	behind = str_skip(pattern, (size_t)star + 1);
	if (origin.n <= before.n + behind.n ||
	    !str_ieq(str_make(origin.p, before.n), before) ||
	    !str_ieq(str_skip(origin, origin.n - behind.n), behind))
		return false;
	middle = str_make(origin.p + before.n, origin.n - before.n - behind.n);
	return str_all(middle, CHAR_HOST);
}

struct str
cors_allow(const struct conf_strs *list, struct str origin, bool *credentials)
{
	struct str allowed = { NULL, 0 };

	*credentials = false;
	if (origin.n == 0)
		return allowed;
	for (unsigned i = 0; i < list->n; i++) {
		if (str_eq(list->v[i], STR_OF("*"))) {
			allowed = STR_OF("*");
		} else if (fits(list->v[i], origin)) {
			*credentials = true;
			return origin;
		}
	}
	return allowed;
}

/* With nothing but `*` the answer is the same for everybody. */
static bool
depends_on_origin(const struct conf_strs *list)
{
	return list->n > 1 || !str_eq(list->v[0], STR_OF("*"));
}

/* False: the origin is not allowed. */
static bool
say_who(const struct exchange *x, struct fields *fields)
{
	const struct conf_strs *list = &x->policy->cors;
	bool credentials;
	struct str allowed = cors_allow(list, origin_of(x->request), &credentials);

	if (depends_on_origin(list))
		fields_vary(fields, field_names[FIELD_ORIGIN]);
	if (allowed.p == NULL)
		return false;
	fields_add(fields, STR_OF("Access-Control-Allow-Origin"), allowed);
	if (credentials)
		fields_add(fields, STR_OF("Access-Control-Allow-Credentials"), STR_OF("true"));
	return true;
}

/* Names of fields, with commas between. */
static bool
are_names(struct str list)
{
	struct str name;

	if (list.n == 0 || list.n > ALLOW_HEADERS_MAX)
		return false;
	while (str_cut(&list, ',', &name))
		if (!str_all(str_trim(name), CHAR_TOKEN))
			return false;
	return true;
}

void
cors_answer(struct exchange *x)
{
	struct response *r = answer_new(x, 204);
	struct str names = value_of(x->request, asked_headers);

	if (say_who(x, &r->fields)) {
		/* The route that was found is the one that takes this method. */
		fields_add(&r->fields, STR_OF("Access-Control-Allow-Methods"),
		    value_of(x->request, asked_method));
		if (are_names(names))
			fields_add(&r->fields, STR_OF("Access-Control-Allow-Headers"), names);
		fields_add(&r->fields, STR_OF("Access-Control-Max-Age"), STR_OF(MAX_AGE));
	}
	fields_vary(&r->fields, asked_method);
	fields_vary(&r->fields, asked_headers);
	x->preflight = true;
	answer_send(x, r, (struct str){ NULL, 0 }, STR_OF(""));
}

/* What a server says itself would stand there twice, which browsers take for a refusal. */
static void
remove_others(struct fields *fields)
{
	fields_remove_name(fields, STR_OF("Access-Control-Allow-Origin"));
	fields_remove_name(fields, STR_OF("Access-Control-Allow-Credentials"));
	fields_remove_name(fields, STR_OF("Access-Control-Allow-Methods"));
	fields_remove_name(fields, STR_OF("Access-Control-Allow-Headers"));
	fields_remove_name(fields, STR_OF("Access-Control-Max-Age"));
}

static bool
tell_origin(struct exchange *x, struct response *r, struct filter_node *node)
{
	(void)node;
	if (x->policy->cors.n == 0 || r->status < 200 || x->preflight)
		return false;
	remove_others(&r->fields);
	(void)say_who(x, &r->fields);
	return false;
}

const struct filter filter_cors = { "cors", tell_origin, NULL, NULL, NULL };
