/*
 * forward.c - lets a server of a backend answer: choosing it, sending the request, trying again.
 *
 *	request body ─► exchange ─► body() ─► back_stream ─► server
 *	                                └► kept, for as long as a retry may need it
 */
#include "proxy/forward.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "net/proxy_header.h"
#include "proxy/answer.h"
#include "proxy/forward_internal.h"
#include "proxy/forwarded.h"
#include "proxy/runtime.h"

enum {
	REQUEST_WINDOW = 65536,		/* request bytes on their way at once */
	RESPONSE_WINDOW = 65536,
	SPLICE_WINDOW = 262144,		/* the same where bytes stay in the kernel */
	UNREPLAYABLE_IDLE_MS = 1000,	/* a connection idle for longer may be about to close */
	CONTINUE_MS = 1000,		/* a server silent for so long leaves 100 to us */
};

static struct forward *
of(struct exchange *x)
{
	return x->source_state;
}

/* --- attempts ------------------------------------------------------------------------------ */

static void
begin_attempt(struct forward *f)
{
	struct exchange *x = f->x;
	struct attempt *a = ARENA_NEW(&x->stream->arena, struct attempt);
	struct attempt **last = &x->attempts;
	struct backend_tried *tried = &f->choice.tried;

	while (*last != NULL)
		last = &(*last)->next;
	*last = a;
	a->addr = arena_str(&x->stream->arena, f->server->addr_text);
	a->start_us = clock_us();
	x->nattempts++;
	f->attempt = a;
	if (tried->n < BACKEND_TRIED_MAX)
		tried->v[tried->n++] = f->server->id;
}

static void
count_response(struct forward *f, struct metrics_cell *cell)
{
	const struct attempt *a = f->attempt;

	metrics_add(&cell->requests, 1);
	metrics_add(&cell->status[a->status / 100 % 6], 1);
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
	if (f->server != NULL)
		backend_give(f->backend, f->server);
	f->server = NULL;
}

/* --- sending the request ------------------------------------------------------------------- */

static void
send_proxy_header(struct forward *f)
{
	const struct http_peer *peer = f->x->stream->peer;
	enum conf_proxy_protocol version = f->x->backend->proxy_protocol;
	char header[PROXY_HEADER_MAX];
	struct ip_port client = peer->client;

	if (version == PROXY_OFF)
		return;
	h1_back_preface(f->back, header,
	    proxy_header_write(header, version == PROXY_V1 ? 1 : 2, &client,
	    http_stream_local(f->x->stream)));
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
forward_try(struct forward *f)
{
	struct exchange *x = f->x;
	enum backend_refusal why;

	f->server = backend_take(f->backend, &f->choice, &why);
	if (f->server == NULL) {
		exchange_fail(x, 503, "no-server", "backend %.*s: no server is up and has a place",
		    STR_ARG(x->backend->name));
		return;
	}
	begin_attempt(f);
	open_stream(f);
	if (f->back == NULL) {
		forward_events.failed(f, BACK_CONNECT, strerror(errno));
		return;
	}
	if (!f->connected)
		send_proxy_header(f);
	send_request(f);
	if (f->connected)
		forward_pay(f);		/* what an attempt before owes the client */
	f->back->ops->want_body(f->back,
	    f->back->sink_takes & SEG_PIPE ? SPLICE_WINDOW : RESPONSE_WINDOW);
}

/* --- what the exchange says ---------------------------------------------------------------- */

void
forward_want_request(struct forward *f)
{
	if (!f->waits_for_continue)
		return;
	f->waits_for_continue = false;
	loop_timer_cancel(f->x->runtime->loop, &f->continue_timer);
	exchange_want(f->x, REQUEST_WINDOW);
}

/* RFC 9110, 10.1.1: a proxy may say it itself when it does not know better. */
static void
on_continue_timer(struct timer *t)
{
	struct forward *f = CONTAINER_OF(t, struct forward, continue_timer);

	exchange_info(f->x, answer_new(f->x, 100));
	forward_want_request(f);
}

static void
start(struct exchange *x)
{
	struct forward *f = ARENA_NEW(&x->stream->arena, struct forward);
	const struct conf_policy *c = x->conf->policy;

	x->source_state = f;
	if (!c->websocket)
		x->request->upgrade = (struct str){ NULL, 0 };
	f->x = x;
	f->backend = x->runtime->backends[x->backend->index];
	f->retries = c->retries;
	f->replayable = true;
	f->request_ended = x->stream->body_done;
	f->trailers = x->trailers;
	f->limits = (struct back_limits){ c->connect_timeout_ms, c->first_byte_timeout_ms,
		c->read_timeout_ms, c->write_timeout_ms, c->tunnel_timeout_ms, RESPONSE_HEAD_MAX };
	chain_init(&f->kept);
	chain_move(&f->kept, &x->buffered);
	timer_init(&f->continue_timer, on_continue_timer);
	if (x->request->expect_continue) {
		f->waits_for_continue = true;
		exchange_want(x, 1);	/* to see a client that does not wait */
		loop_timer_set(x->runtime->loop, &f->continue_timer, clock_ms() + CONTINUE_MS);
	} else if (!f->request_ended) {
		exchange_want(x, REQUEST_WINDOW);
	}
	forward_try(f);
}

/* Keeps what is sent for as long as it may have to be sent again. */
static void
keep(struct forward *f, const struct chain *bytes)
{
	if (f->replayable && (f->kept.len + bytes->len > KEEP_MAX ||
	    (chain_kinds(bytes) & ~(unsigned)SEG_MEM) || f->x->stream->started)) {
		f->replayable = false;
		chain_clear(&f->kept);
		/* From here on the bytes are nobody's but the server's. */
		if (f->back != NULL && f->x->request_filters == NULL)
			f->x->stream->sink_takes = f->back->takes & SEG_PIPE;
	}
	if (f->replayable)
		chain_keep(&f->kept, bytes);
}

static void
body(struct exchange *x, struct chain *moved)
{
	struct forward *f = of(x);
	uint64_t n = moved->len;

	if (f->waits_for_continue)
		forward_want_request(f);	/* the client did not wait */
	if (f->back == NULL) {
		chain_clear(moved);
		return;
	}
	if (!x->tunnel)
		keep(f, moved);
	if (f->back->ops->send_body(f->back, moved) == FLOW_FULL || !f->connected)
		f->owed_request += n;
	else
		exchange_want(x, n);
}

static void
end(struct exchange *x, const struct fields *trailers)
{
	struct forward *f = of(x);

	f->request_ended = true;
	f->trailers = trailers;
	if (f->back != NULL)
		f->back->ops->send_end(f->back, trailers);
}

static void
resume(struct exchange *x)
{
	struct forward *f = of(x);
	uint64_t n = f->owed_response;

	f->owed_response = 0;
	if (f->back != NULL && n > 0)
		f->back->ops->want_body(f->back, n);
}

static void
cancel(struct exchange *x)
{
	struct forward *f = of(x);
	struct back_stream *back = f->back;

	loop_timer_cancel(x->runtime->loop, &f->continue_timer);
	chain_clear(&f->kept);
	forward_release(f);
	if (back == NULL)
		return;
	if (x->tunnel && f->request_ended && f->response_ended)
		back->ops->leave(back);
	else
		back->ops->cancel(back);
}

const struct source source_forward = {
	.name = "forward",
	.start = start,
	.body = body,
	.end = end,
	.resume = resume,
	.cancel = cancel,
};
