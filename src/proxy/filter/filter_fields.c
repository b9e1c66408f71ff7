/*
 * filter_fields.c - the fields of every response: what servers should not tell, the id of the
 * request, what [headers] sections change, and the Date.
 */
#include "base/clock.h"
#include "proxy/exchange.h"
#include "proxy/filter/filter.h"
#include "proxy/filter/headers.h"
#include "proxy/runtime.h"

static bool
hide_server(struct exchange *x, struct response *r, struct filter_node *node)
{
	(void)node;
	if (x->policy->hide_server) {
		fields_remove(&r->fields, FIELD_SERVER);
		fields_remove(&r->fields, FIELD_X_POWERED_BY);
	}
	return false;
}

/* In place of one that a server sent: the client needs the id that our logs have. */
static bool
tell_request_id(struct exchange *x, struct response *r, struct filter_node *node)
{
	(void)node;
	if (x->policy->response_request_id)
		fields_set(&r->fields, FIELD_X_REQUEST_ID, x->request_id);
	return false;
}

static bool
change_headers(struct exchange *x, struct response *r, struct filter_node *node)
{
	(void)node;
	headers_response(x->runtime->headers, x, &r->fields);
	return false;
}

/* RFC 9110, 6.6.1: a recipient with a clock adds it. */
static bool
add_date(struct exchange *x, struct response *r, struct filter_node *node)
{
	(void)node;
	if (r->status >= 200 && fields_find(&r->fields, FIELD_DATE) == NULL)
		fields_add_id(&r->fields, FIELD_DATE,
		    arena_str(&x->stream->arena, clock_http_date()));
	return false;
}

const struct filter filter_hide_server = { "hide_server", hide_server, NULL, NULL, NULL };
const struct filter filter_request_id = { "request_id", tell_request_id, NULL, NULL, NULL };
const struct filter filter_headers = { "headers", change_headers, NULL, NULL, NULL };
const struct filter filter_date = { "date", add_date, NULL, NULL, NULL };
