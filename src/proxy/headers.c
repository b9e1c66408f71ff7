/*
 * headers.c - what [headers] sections set in requests on their way to a server.
 */
#include "proxy/headers.h"

#include <stdio.h>

#include "base/mem.h"
#include "proxy/exchange.h"
#include "proxy/template.h"

struct headers {
	const struct conf_snapshot *conf;
	struct template ***request_set;		/* by section and line */
};

static void
compile(struct headers *h, const struct conf_headers *c, struct conf_errors *errors)
{
	struct template **list = mem_zalloc(c->request.nset, sizeof(*list));
	char what[96];

	h->request_set[c->index] = list;
	for (unsigned i = 0; i < c->request.nset; i++) {
		snprintf(what, sizeof(what), "[headers %.*s] request_set", STR_ARG(c->name));
		list[i] = template_new(c->request.set[i].value, errors, c->request.set[i].at, what);
	}
}

struct headers *
headers_new(const struct conf_snapshot *snapshot, struct conf_errors *errors)
{
	struct headers *h = MEM_NEW(struct headers);
	size_t before = conf_errors_count(errors);

	h->conf = snapshot;
	h->request_set = mem_zalloc(snapshot->nheaders, sizeof(*h->request_set));
	for (unsigned i = 0; i < snapshot->nheaders; i++)
		compile(h, snapshot->headers[i], errors);
	if (conf_errors_count(errors) == before)
		return h;
	headers_free(h);
	return NULL;
}

void
headers_free(struct headers *h)
{
	if (h == NULL)
		return;
	for (unsigned i = 0; i < h->conf->nheaders; i++) {
		for (unsigned k = 0; k < h->conf->headers[i]->request.nset; k++)
			template_free(h->request_set[i][k]);
		mem_free(h->request_set[i]);
	}
	mem_free(h->request_set);
	mem_free(h);
}

void
headers_set_request(const struct headers *h, struct exchange *x, struct fields *fields)
{
	const struct conf_policy *policy = x->conf->policy;

	for (unsigned i = 0; i < policy->nheaders; i++) {
		const struct conf_headers *c = policy->headers[i];

		for (unsigned k = 0; k < c->request.nset; k++) {
			struct str value = template_eval(h->request_set[c->index][k], x,
			    &x->stream->arena);

			fields_remove_name(fields, c->request.set[k].name);
			if (value.n > 0)
				fields_add(fields, c->request.set[k].name, value);
		}
	}
}
