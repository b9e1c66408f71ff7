/*
 * exchange.c - one request and its response.
 */
#include "proxy/exchange.h"

#include <stdarg.h>

#include "base/check.h"
#include "base/log.h"
#include "proxy/client_ip.h"
#include "proxy/error_page.h"
#include "proxy/filter/filter.h"
#include "proxy/filter/trailers.h"
#include "proxy/log/access_log.h"
#include "proxy/request_id.h"
#include "proxy/response_buffer.h"
#include "proxy/runtime.h"
#include "proxy/steps.h"

enum { STATUS_CLIENT_GONE = 499 };	/* what logs say when nobody is left to answer */

struct exchange_end {
	struct exchange_end *next;
	void (*run)(void *arg);
	void *arg;
};

static void
count_traffic(const struct exchange *x, struct metrics_cell *cell)
{
	metrics_count_status(cell, x->status);
	metrics_add(&cell->bytes_in, x->stream->bytes_in);
	metrics_add(&cell->bytes_out, x->stream->bytes_out);
}

static void
account(struct exchange *x)
{
	struct runtime *rt = x->runtime;
	uint64_t us = (uint64_t)(clock_us() - x->stream->start_us);

	if (x->listen == NULL)
		return;			/* the admin pages do not count themselves */
	count_traffic(x, x->listen_cell);
	metrics_count_code(x->listen_cell, x->status);
	metrics_observe(&x->listen_cell->time, us);
	count_traffic(x, runtime_route_cell(rt, x->route));
	if (x->policy->access_log != NULL)
		access_log_add(rt->logs[x->policy->access_log->index], x);
}

static void
cancel_source(struct exchange *x)
{
	const struct source *source = x->source;

	x->source = NULL;
	if (source != NULL && source->cancel != NULL)
		source->cancel(x);
}

/* Nothing is called any more for this exchange; its memory goes with the stream. */
static void
finish(struct exchange *x)
{
	struct runtime *rt = x->runtime;

	cancel_source(x);
	x->over = true;
	if (x->status == 0)
		x->status = STATUS_CLIENT_GONE;
	account(x);
	for (struct exchange_end *e = x->ends; e != NULL; e = e->next)
		e->run(e->arg);
	link_remove(&x->link);
	runtime_freed(rt);
	atomic_fetch_sub_explicit(&rt->self->exchanges, 1, memory_order_relaxed);
}

void
exchange_at_end(struct exchange *x, void (*run)(void *arg), void *arg)
{
	struct exchange_end *e = arena_alloc(&x->stream->arena, sizeof(*e));

	*e = (struct exchange_end){ x->ends, run, arg };
	x->ends = e;
}

/* --- what the stream says ------------------------------------------------------------------ */

static bool
takes_body(const struct exchange *x)
{
	return x->source != NULL && x->source->body != NULL;
}

static void
on_body(void *user, struct chain *moved)
{
	struct exchange *x = user;

	x->body_in += moved->len;
	if (!takes_body(x) || !filter_body(x, x->request_filters, moved))
		chain_clear(moved);
	else
		x->source->body(x, moved);
}

static void
on_end(void *user, const struct fields *trailers)
{
	struct exchange *x = user;
	struct chain rest;

	if (!takes_body(x))
		return;
	chain_init(&rest);
	if (!filter_end(x, x->request_filters, &rest)) {
		chain_clear(&rest);
		return;
	}
	if (!chain_empty(&rest))
		x->source->body(x, &rest);
	x->source->end(x, trailers_to_server(x, trailers));
}

static void
on_drained(void *user)
{
	struct exchange *x = user;

	if (x->response_buffer != NULL && !response_buffer_drained(x))
		return;
	if (x->source != NULL && x->source->resume != NULL)
		x->source->resume(x);
}

static void
on_gone(void *user, const struct refusal *refusal)
{
	struct exchange *x = user;

	if (refusal->status != 0 && !x->stream->started) {
		exchange_fail(x, refusal->status, refusal->why, "%s", refusal->text);
		return;
	}
	if (x->why == NULL)
		x->why = refusal->why;
	finish(x);
}

static void
on_done(void *user)
{
	finish(user);
}

static const struct http_stream_events events = {
	.body = on_body,
	.end = on_end,
	.drained = on_drained,
	.gone = on_gone,
	.done = on_done,
};

/* --- the way in ---------------------------------------------------------------------------- */

struct exchange *
exchange_new(struct runtime *rt, const struct conf_listen *listen, struct metrics_cell *cell,
    struct http_stream *stream)
{
	struct exchange *x = ARENA_NEW(&stream->arena, struct exchange);

	x->stream = stream;
	x->request = &stream->request;
	x->runtime = rt;
	x->listen = listen;
	x->listen_cell = cell;
	x->conf = rt->conf->fallback;
	x->policy = x->conf->policy;
	x->scheme = STR_OF("http");
	fields_init(&x->error_fields, &stream->arena);
	stream->events = &events;
	stream->user = x;
	list_append(&rt->exchanges, &x->link);
	atomic_fetch_add_explicit(&rt->self->exchanges, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&rt->self->requests, 1, memory_order_relaxed);
	x->trusted = client_ip_trusts(listen, &stream->peer->client);
	x->request_id = request_id_choose(&x->request->fields, x->trusted, &stream->arena);
	return x;
}

bool
exchange_is_full(const struct exchange *x)
{
	return x->stream->arena.bytes >
	    EXCHANGE_MEMORY + EXCHANGE_MEMORY_TIMES * x->request->head_bytes;
}

void
exchange_walk(struct exchange *x)
{
	enum step_result r = STEP_NEXT;

	while (r == STEP_NEXT && exchange_steps[x->step].name != NULL) {
		if (exchange_is_full(x)) {
			exchange_fail(x, 431, "header-limit", "the request takes too much memory");
			return;
		}
		log_debug("%.*s: step %s", STR_ARG(x->request_id),
		    exchange_steps[x->step].name);
		r = exchange_steps[x->step++].run(x);
	}
}

void
exchange_start(struct runtime *rt, const struct conf_listen *listen, struct metrics_cell *cell,
    struct http_stream *stream)
{
	exchange_walk(exchange_new(rt, listen, cell, stream));
}

void
exchange_continue(struct exchange *x, const struct source *waited)
{
	if (x->source != waited)
		return;
	x->source = NULL;
	exchange_walk(x);
}

enum source_start
exchange_set_source(struct exchange *x, const struct source *source, void *state)
{
	cancel_source(x);
	x->source = source;
	x->source_state = state;
	if (source->start(x) == SOURCE_TAKEN)
		return SOURCE_TAKEN;
	x->source = NULL;
	return SOURCE_DECLINED;
}

void
exchange_want(struct exchange *x, uint64_t bytes)
{
	x->stream->ops->want_body(x->stream, bytes);
}

/* --- the way out --------------------------------------------------------------------------- */

void
exchange_info(struct exchange *x, const struct response *r)
{
	x->stream->ops->send_info(x->stream, r);
}

void
exchange_head(struct exchange *x, struct response *r)
{
	x->status = r->status;
	x->response = r;
	x->filters = filter_response(x, r);
	if (x->filters != NULL && r->framing == FRAMING_LENGTH)
		r->framing = FRAMING_CHUNKED;	/* a filter may change the length */
	x->response_buffer = response_buffer_new(x, r);
	x->stream->ops->send_head(x->stream, r);
}

static enum flow
send_body(struct exchange *x, struct chain *moved)
{
	if (x->response_buffer != NULL)
		return response_buffer_add(x, moved);
	return x->stream->ops->send_body(x->stream, moved);
}

enum flow
exchange_body(struct exchange *x, struct chain *moved)
{
	if (!filter_body(x, x->filters, moved)) {
		chain_clear(moved);
		return FLOW_OK;
	}
	return send_body(x, moved);
}

void
exchange_emit(struct exchange *x, struct filter_node *node, struct chain *moved)
{
	if (!filter_body(x, node->next, moved))
		chain_clear(moved);
	else
		(void)send_body(x, moved);
}

void
exchange_end(struct exchange *x, const struct fields *trailers)
{
	struct chain rest;

	chain_init(&rest);
	if (!filter_end(x, x->filters, &rest)) {
		chain_clear(&rest);
		return;
	}
	if (!chain_empty(&rest))
		(void)send_body(x, &rest);
	trailers = trailers_to_client(x, trailers);
	if (x->response_buffer != NULL)
		response_buffer_end(x, trailers);
	else
		x->stream->ops->send_end(x->stream, trailers);
}

static void
end_tunnel(void *self)
{
	atomic_fetch_sub_explicit(&((struct shm_worker *)self)->tunnels, 1, memory_order_relaxed);
}

void
exchange_tunnel(struct exchange *x)
{
	x->tunnel = true;
	x->request_filters = NULL;	/* what they were for has ended */
	atomic_fetch_add_explicit(&x->runtime->self->tunnels, 1, memory_order_relaxed);
	exchange_at_end(x, end_tunnel, x->runtime->self);
	x->stream->ops->tunnel(x->stream);
}

void
exchange_fail(struct exchange *x, int status, const char *why, const char *fmt, ...)
{
	va_list ap;

	if (x->over)
		return;
	x->why = why;
	va_start(ap, fmt);
	failure_log_add(&x->runtime->failures, x, status, fmt, ap);
	va_end(ap);
	cancel_source(x);
	if (!x->stream->started) {
		error_page_send(x, status);
		return;
	}
	x->stream->ops->abort(x->stream);
	finish(x);
}
