/*
 * forward_attempt.c - lets a server of a backend answer: one attempt.
 */
#include <errno.h>
#include <string.h>

#include "net/proxy_header.h"
#include "proxy/forward/forward.h"
#include "proxy/forward/forward_internal.h"
#include "proxy/forward/forwarded.h"
#include "proxy/runtime.h"

enum { ATTEMPTS_MAX = 64 };	/* that logs show; the last one stands for more */

static struct attempt *
new_attempt(struct exchange *x)
{
	struct attempt **last = &x->attempts;

	while (*last != NULL && ((*last)->next != NULL || x->nattempts < ATTEMPTS_MAX))
		last = &(*last)->next;
	if (*last == NULL)
		*last = ARENA_NEW(&x->stream->arena, struct attempt);
	else
		**last = (struct attempt){ 0 };
	x->nattempts++;
	return *last;
}

static void
note_attempt(struct forward *f)
{
	struct attempt *a = new_attempt(f->x);
	struct backend_tried *tried = &f->choice.tried;

	/* The exchange may outlive a server that is removed. */
	a->addr = arena_str(&f->x->stream->arena, f->server->addr_text);
	a->start_us = clock_us();
	f->attempt = a;
	f->outcome = OUTCOME_NEUTRAL;
	if (tried->n < BACKEND_TRIED_MAX)
		tried->v[tried->n++] = f->server->id;
}

static void
count_response(struct forward *f, struct metrics_cell *cell)
{
	const struct attempt *a = f->attempt;

	metrics_count_status(cell, a->status);
	metrics_observe(&cell->time, (uint64_t)(a->end_us - a->start_us));
}

static void
count_bytes(const struct forward *f, struct metrics_cell *cell)
{
	metrics_add(&cell->bytes_in, f->back->bytes_in);
	metrics_add(&cell->bytes_out, f->back->bytes_out);
}

void
forward_release(struct forward *f)
{
	if (f->attempt != NULL) {
		f->attempt->end_us = clock_us();
		count_response(f, f->server->cell);
		count_response(f, backend_cell(f->backend));
		f->attempt = NULL;
	}
	if (f->back != NULL) {
		count_bytes(f, f->server->cell);
		count_bytes(f, backend_cell(f->backend));
		f->back = NULL;
	}
	if (f->server != NULL) {
		backend_report(f->backend, f->server, f->outcome);
		backend_give(f->backend, f->server);
	}
	f->server = NULL;
	f->connected = false;
}

void
forward_abandon(struct forward *f)
{
	struct back_stream *back = f->back;

	forward_release(f);
	if (back != NULL)
		back->ops->cancel(back);
}

void
forward_proxy_header(const struct exchange *x, struct back_stream *back)
{
	enum conf_proxy_protocol version = x->backend->proxy_protocol;
	char header[PROXY_HEADER_MAX];

	if (version == PROXY_OFF)
		return;
	h1_back_preface(back, header,
	    proxy_header_write(header, version == PROXY_V1 ? 1 : 2, &x->stream->peer->client,
	    http_stream_local(x->stream)));
}

static void
send_request(struct forward *f)
{
	struct exchange *x = f->x;
	const struct request *r = x->request;
	struct fields fields;

	forwarded_fields(x, f->server->host_field, &fields);
	f->back->ops->send_head(f->back, &fields, r->method, x->uri, r->framing,
	    r->content_length, r->upgrade);
	if (!chain_empty(&f->kept)) {
		struct chain again;

		chain_init(&again);
		chain_share(&again, &f->kept);
		(void)f->back->ops->send_body(f->back, &again);
	}
	if (f->request_ended)
		f->back->ops->send_end(f->back, f->trailers);
}

static void
open_stream(struct forward *f)
{
	struct exchange *x = f->x;
	bool may_repeat = f->replayable && method_is_idempotent(x->request->method_id);
	msec max_idle = may_repeat ? TIMER_NEVER : UNREPLAYABLE_IDLE_MS;

	/* A connection is bound to the client that its PROXY header named. */
	if (f->fresh_only || x->backend->proxy_protocol != PROXY_OFF)
		max_idle = -1;
	f->back = server_open(f->server, &f->limits, max_idle);
	if (f->back == NULL)
		return;
	f->back->events = &forward_events;
	f->back->user = f;
	f->back->request = x->request;
	f->back->arena = &x->stream->arena;
	f->back->sink_takes = x->stream->takes & SEG_PIPE;
	f->connected = f->back->reused;
}

void
forward_begin(struct forward *f)
{
	note_attempt(f);
	open_stream(f);
	if (f->back == NULL) {
		forward_events.failed(f, BACK_CONNECT, strerror(errno));
		return;
	}
	if (!f->connected)
		forward_proxy_header(f->x, f->back);
	send_request(f);
	forward_ask(f);
	if (f->connected) {
		forward_reached(f);
		forward_pay(f);		/* what an attempt before owes the client */
	}
	f->back->ops->want_body(f->back,
	    f->back->sink_takes & SEG_PIPE ? SPLICE_WINDOW : RESPONSE_WINDOW);
}
