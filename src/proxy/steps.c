/*
 * steps.c - what an exchange goes through before its source starts.
 */
#include "proxy/steps.h"

#include "proxy/admin/admin.h"
#include "proxy/answer.h"
#include "proxy/client_ip.h"
#include "proxy/error_page.h"
#include "proxy/exchange.h"
#include "proxy/filter/cors.h"
#include "proxy/filter/filter.h"
#include "proxy/forward/mirror.h"
#include "proxy/route/rewrite.h"
#include "proxy/route/route.h"
#include "proxy/route/split.h"
#include "proxy/runtime.h"
#include "proxy/sources.h"
#include "proxy/tls/https.h"

/* Who asks. */
static enum step_result
step_client(struct exchange *x)
{
	client_ip_find(x);
	return STEP_NEXT;
}

/* A request that the stream refused is answered before anything in it is believed. */
static enum step_result
step_refuse(struct exchange *x)
{
	const struct refusal *refusal = &x->stream->refusal;

	if (refusal->status == 0)
		return STEP_NEXT;
	/* RFC 9110, 15.5.6: what is taken here instead; the route was not looked for. */
	if (refusal->status == 405)
		fields_add(&x->error_fields, STR_OF("Allow"),
		    STR_OF("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
	exchange_fail(x, refusal->status, refusal->why, "%s", refusal->text);
	return STEP_DONE;
}

static enum step_result
step_admin(struct exchange *x)
{
	if (x->listen != NULL)
		return STEP_NEXT;
	(void)exchange_set_source(x, &source_admin, NULL);
	return STEP_DONE;
}

static void
use_limits(struct exchange *x)
{
	const struct conf_policy *c = x->policy;

	x->limits = (struct stream_limits){
		.body_timeout_ms = c->body_timeout_ms,
		.body_min_rate = c->body_min_rate == CONF_OFF ? 0 : (uint64_t)c->body_min_rate,
		.send_timeout_ms = c->send_timeout_ms,
		.half_close_timeout_ms = c->half_close_timeout_ms,
		.tunnel_timeout_ms = c->tunnel_timeout_ms,
	};
	x->stream->limits = &x->limits;
}

/* The backends of a split may want their requests treated differently. */
static void
use_split(struct exchange *x)
{
	const struct conf_split *split = split_choose(x);

	x->backend = split->backend;
	x->policy = split->policy;
}

static bool
may_become_tunnel(const struct exchange *x)
{
	return x->policy->websocket && x->route->action != ACTION_BUCKET &&
	    (x->backend != NULL || x->conf->files_backend != NULL);
}

static void
use_route(struct exchange *x, const struct route *route)
{
	x->route = route;
	x->conf = route->conf;
	x->policy = route->policy;
	x->backend = route->backend;
	if (route->action == ACTION_SPLIT)
		use_split(x);
	/* From here on it is a request like any other, also for a mirror. */
	if (!may_become_tunnel(x))
		x->request->upgrade = (struct str){ NULL, 0 };
	use_limits(x);
}

/* A request that no route of its host serves gets the host's error pages, headers and log. */
static void
use_host(struct exchange *x)
{
	x->conf = x->host->fallback;
	x->policy = x->conf->policy;
	use_limits(x);
}

static enum route_result
find_route(struct exchange *x, const struct request *request, struct route_choice *choice)
{
	enum route_result r = router_find(x->runtime->router, x->listen, request, &x->client,
	    &x->stream->arena, choice);

	x->route_captured = choice->captured;
	return r;
}

static bool
wants_https(const struct exchange *x, const struct route_choice *choice)
{
	if (x->route == NULL || x->conf->redirect_https == REDIRECT_HTTPS_HOST)
		return choice->redirect_https;
	return x->conf->redirect_https == REDIRECT_HTTPS_ON;
}

/* Whether the host or the route wants another connection, and said so. */
static bool
wants_other_connection(struct exchange *x, const struct route_choice *choice)
{
	return https_refuses(x) || (wants_https(x, choice) && https_redirects(x));
}

/* A preflight belongs to the route of the request that it precedes. */
static bool
answers_preflight(struct exchange *x)
{
	struct route_choice choice;
	struct request wanted;

	if (!cors_preflight(x->request, &wanted) ||
	    find_route(x, &wanted, &choice) != ROUTE_FOUND ||
	    choice.route->policy->cors.n == 0)
		return false;
	x->host = choice.host;
	use_route(x, choice.route);
	if (!wants_other_connection(x, &choice))
		cors_answer(x);
	return true;
}

static enum step_result
step_route(struct exchange *x)
{
	struct route_choice choice;
	enum route_result r;

	if (answers_preflight(x))
		return STEP_DONE;
	r = find_route(x, x->request, &choice);
	x->host = choice.host;
	if (r == ROUTE_FOUND)
		use_route(x, choice.route);
	else if (x->host != NULL)
		use_host(x);
	if (r != ROUTE_NO_HOST && wants_other_connection(x, &choice))
		return STEP_DONE;
	switch (r) {
	case ROUTE_NO_HOST:
		exchange_fail(x, 421, "no-host", "no host has this name");
		return STEP_DONE;
	case ROUTE_NO_METHOD:
		fields_add(&x->error_fields, STR_OF("Allow"), choice.allow);
		exchange_fail(x, 405, "method", "no route takes this method");
		return STEP_DONE;
	case ROUTE_NO_ROUTE:
		if (choice.regex_limit)
			exchange_fail(x, 500, "regex-limit", "a path_regex ran into its limit");
		else
			exchange_fail(x, 404, "no-route", "no route matches");
		return STEP_DONE;
	default:
		return STEP_NEXT;
	}
}

static enum step_result
step_maintenance(struct exchange *x)
{
	if (x->policy->maintenance == MAINTENANCE_OFF)
		return STEP_NEXT;
	error_page_maintenance(x);
	return STEP_DONE;
}

/* A length over the limit is refused before a byte of the body is read. */
static enum step_result
step_body(struct exchange *x)
{
	if (x->request->framing == FRAMING_LENGTH && x->policy->max_body != CONF_OFF &&
	    x->request->content_length > (uint64_t)x->policy->max_body) {
		exchange_fail(x, 413, "body-limit", "a request body of %llu bytes, over max_body",
		    (unsigned long long)x->request->content_length);
		return STEP_DONE;
	}
	x->request_filters = filter_request(x);
	return STEP_NEXT;
}

static enum step_result
step_rewrite(struct exchange *x)
{
	switch (rewrite_uri(x)) {
	case REWRITE_OK:
		return STEP_NEXT;
	case REWRITE_LIMIT:
		exchange_fail(x, 500, "regex-limit", "a pattern of rewrite ran into its limit");
		return STEP_DONE;
	case REWRITE_DOTS:
		exchange_fail(x, 400, "bad-request", "a path whose dot segments servers may read"
		    " in another way (encoded_dots = pass lets it through)");
		return STEP_DONE;
	default:
		exchange_fail(x, 400, "bad-rewrite", "the path becomes none that may be asked for");
		return STEP_DONE;
	}
}

/* The copy goes out first: it is of the request as it would go to any server. */
static enum step_result
step_mirror(struct exchange *x)
{
	if (x->mirror_tap != NULL && !x->runtime->dry)
		mirror_start(x);
	return STEP_NEXT;
}

/*
 * RFC 9110, 7.6.2: OPTIONS that may go no further is answered by whom it reached.  `OPTIONS *` gets
 * the same answer instead of a redirect, as it asks about no path that could be elsewhere.
 */
static bool
ends_here(const struct exchange *x)
{
	const struct field *f = fields_find(&x->request->fields, FIELD_MAX_FORWARDS);
	uint64_t hops;

	if (x->request->method_id != METHOD_OPTIONS)
		return false;
	if (x->request->target.form == TARGET_ASTERISK && x->route->action == ACTION_REDIRECT)
		return true;
	return f != NULL && str_uint(f->value, UINT32_MAX, &hops) && hops == 0;
}

static enum step_result
step_source(struct exchange *x)
{
	/* Needed at the end; that of one among very many routes is in no cache by now. */
	__builtin_prefetch(runtime_route_cell(x->runtime, x->route), 1);
	if (ends_here(x)) {
		answer_send(x, answer_new(x, 204), (struct str){ NULL, 0 }, STR_OF(""));
		return STEP_DONE;
	}
	sources_start(x);
	return STEP_DONE;
}

const struct step exchange_steps[] = {
	{ "client", step_client },
	{ "refuse", step_refuse },
	{ "admin", step_admin },
	{ "route", step_route },
	{ "maintenance", step_maintenance },
	{ "body", step_body },
	{ "rewrite", step_rewrite },
	{ "mirror", step_mirror },
	{ "source", step_source },
	{ NULL, NULL },
};
