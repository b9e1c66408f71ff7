/*
 * headers.c - what [headers] sections change in requests to servers and in responses to clients.
 */
#include "proxy/filter/headers.h"

#include <stdio.h>

#include "base/mem.h"
#include "proxy/exchange.h"
#include "proxy/text/template.h"

/* The values of one section and way, by their position there. */
struct values {
	struct template **set;
	struct template **add;
};

struct headers {
	const struct conf_snapshot *conf;
	struct values *request;		/* by section */
	struct values *response;
};

/* What all values of a configuration are compiled with. */
struct compiler {
	struct template_scope scope;
	struct conf_errors *errors;
};

static struct template **
compile_list(const struct compiler *c, const struct conf_headers *section, const char *key,
    const struct conf_header_set *list, unsigned n)
{
	struct template **values = mem_zalloc(n, sizeof(*values));
	char what[96];

	snprintf(what, sizeof(what), "[headers %.*s] %s", STR_ARG(section->name), key);
	for (unsigned i = 0; i < n; i++)
		values[i] = template_new_in(&c->scope, list[i].value, c->errors, list[i].at, what);
	return values;
}

static void
compile(struct headers *h, const struct compiler *with, const struct conf_headers *c)
{
	h->request[c->index] = (struct values){
		compile_list(with, c, "request_set", c->request.set, c->request.nset),
		compile_list(with, c, "request_add", c->request.add, c->request.nadd),
	};
	h->response[c->index] = (struct values){
		compile_list(with, c, "response_set", c->response.set, c->response.nset),
		compile_list(with, c, "response_add", c->response.add, c->response.nadd),
	};
}

struct headers *
headers_new(const struct conf_snapshot *snapshot, const struct capture_names *names,
    struct conf_errors *errors)
{
	const struct compiler with = { { .names = names }, errors };
	struct headers *h = MEM_NEW(struct headers);
	size_t before = conf_errors_count(errors);

	h->conf = snapshot;
	h->request = mem_zalloc(snapshot->nheaders, sizeof(h->request[0]));
	h->response = mem_zalloc(snapshot->nheaders, sizeof(h->response[0]));
	for (unsigned i = 0; i < snapshot->nheaders; i++)
		compile(h, &with, snapshot->headers[i]);
	if (conf_errors_count(errors) == before)
		return h;
	headers_free(h);
	return NULL;
}

static void
free_values(struct values *v, const struct conf_header_changes *c)
{
	for (unsigned i = 0; i < c->nset; i++)
		template_free(v->set[i]);
	for (unsigned i = 0; i < c->nadd; i++)
		template_free(v->add[i]);
	mem_free(v->set);
	mem_free(v->add);
}

void
headers_free(struct headers *h)
{
	if (h == NULL)
		return;
	for (unsigned i = 0; i < h->conf->nheaders; i++) {
		free_values(&h->request[i], &h->conf->headers[i]->request);
		free_values(&h->response[i], &h->conf->headers[i]->response);
	}
	mem_free(h->request);
	mem_free(h->response);
	mem_free(h);
}

static bool
name_starts(struct str name, struct str prefix)
{
	return name.n >= prefix.n && str_ieq(str_make(name.p, prefix.n), prefix);
}

/* What no pattern takes away: a message would not be the same, or not arrive. */
static bool
is_essential(const struct field *f)
{
	switch (f->id) {
	case FIELD_CONNECTION:
	case FIELD_CONTENT_LENGTH:
	case FIELD_EXPECT:
	case FIELD_HOST:
	case FIELD_TE:
	case FIELD_TRANSFER_ENCODING:
	case FIELD_UPGRADE:
		return true;
	default:
		return name_starts(f->name, STR_OF("Sec-WebSocket-"));
	}
}

static void
remove_fields(struct fields *fields, const struct conf_header_remove *r)
{
	if (!r->prefix) {
		fields_remove_name(fields, r->name);
		return;
	}
	FIELDS_EACH(f, fields)
		if (name_starts(f->name, r->name) && !is_essential(f))
			f->gone = true;
}

static bool
sets(const struct conf_header_set *list, unsigned n, struct str name)
{
	for (unsigned i = 0; i < n; i++)
		if (str_ieq(list[i].name, name))
			return true;
	return false;
}

static bool
removes(const struct conf_header_remove *r, struct str name)
{
	return r->prefix ? name_starts(name, r->name) : str_ieq(name, r->name);
}

static bool
changes(const struct conf_header_changes *c, struct str name)
{
	for (unsigned i = 0; i < c->nremove; i++)
		if (removes(&c->remove[i], name))
			return true;
	return sets(c->set, c->nset, name) || sets(c->add, c->nadd, name);
}

bool
headers_change_request(const struct conf_policy *p, struct str name)
{
	for (unsigned i = 0; i < p->nheaders; i++)
		if (changes(&p->headers[i]->request, name))
			return true;
	return false;
}

bool
headers_change_response(const struct conf_policy *p, struct str name)
{
	for (unsigned i = 0; i < p->nheaders; i++)
		if (changes(&p->headers[i]->response, name))
			return true;
	return false;
}

static void
apply(const struct conf_header_changes *c, const struct values *values, struct exchange *x,
    struct fields *fields)
{
	struct arena *arena = &x->stream->arena;

	for (unsigned i = 0; i < c->nremove; i++)
		remove_fields(fields, &c->remove[i]);
	for (unsigned i = 0; i < c->nset; i++) {
		/* Before the old field goes: the new one may be made of it. */
		struct str value = str_trim(template_eval(values->set[i], x, arena));

		fields_remove_name(fields, c->set[i].name);
		if (value.n > 0)
			fields_add(fields, c->set[i].name, value);
	}
	for (unsigned i = 0; i < c->nadd; i++) {
		struct str value = str_trim(template_eval(values->add[i], x, arena));

		if (value.n > 0)
			fields_add(fields, c->add[i].name, value);
	}
}

void
headers_request(const struct headers *h, struct exchange *x, struct fields *fields)
{
	const struct conf_policy *p = x->policy;

	for (unsigned i = 0; i < p->nheaders; i++)
		apply(&p->headers[i]->request, &h->request[p->headers[i]->index], x, fields);
}

void
headers_response(const struct headers *h, struct exchange *x, struct fields *fields)
{
	const struct conf_policy *p = x->policy;

	for (unsigned i = 0; i < p->nheaders; i++)
		apply(&p->headers[i]->response, &h->response[p->headers[i]->index], x, fields);
}
