/*
 * forward.c - lets a server of a backend answer: the source that an exchange sees.
 */
#include "proxy/forward/forward.h"

#include "proxy/answer.h"
#include "proxy/balance/hash_keys.h"
#include "proxy/balance/sticky.h"
#include "proxy/error_page.h"
#include "proxy/fetch/fetch.h"
#include "proxy/forward/forwarded.h"
#include "proxy/forward/location.h"
#include "proxy/runtime.h"

enum {
	CONTINUE_MS = 1000,		/* a server silent for so long leaves 100 to us */
	BUFFER_WINDOW = 65536,		/* of a body that is taken in first, on its way at once */
};

struct forward {
	struct exchange *x;
	struct fetch fetch;
	const struct forward_rules *rules;
	void *rules_state;
	bool buffering;			/* the body is taken in before a server hears of it */
	struct sticky_cookie cookie;	/* that the client came with */
	struct str held_server_host;	/* of the server whose answer is held, and the Host */
	struct str held_told_host;	/* that it got */
	struct timer continue_timer;
	uint64_t wanted;		/* credit for the client that waits for its 100 */
	struct response *switching;	/* a 101 that came before the request's end; else NULL */
};

static struct forward *
of(struct exchange *x)
{
	return x->source_state;
}

/* --- the request body ---------------------------------------------------------------------- */

/* The client may send its body now. */
static void
stop_waiting_for_continue(struct forward *f)
{
	uint64_t n = f->wanted;

	f->wanted = 0;
	loop_timer_cancel(f->x->runtime->loop, &f->continue_timer);
	if (n > 0)
		exchange_want(f->x, n);
}

static void
say_continue(struct forward *f)
{
	exchange_info(f->x, answer_new(f->x, 100));
	stop_waiting_for_continue(f);
}

/* RFC 9110, 10.1.1: a proxy may say it itself when it does not know better. */
static void
on_continue_timer(struct timer *t)
{
	say_continue(CONTAINER_OF(t, struct forward, continue_timer));
}

static void
on_want(void *user, uint64_t bytes)
{
	struct forward *f = user;

	if (!f->x->request->expect_continue || f->x->body_in > 0 || f->x->tunnel) {
		exchange_want(f->x, bytes);
		return;
	}
	exchange_want(f->x, 1);			/* to see a client that does not wait */
	f->wanted = bytes;
	loop_timer_set(f->x->runtime->loop, &f->continue_timer, clock_ms() + CONTINUE_MS);
}

/* request_buffering: begins to take the body in. */
static void
start_buffering(struct forward *f)
{
	struct exchange *x = f->x;

	f->buffering = true;
	if (x->request->expect_continue) {
		exchange_info(x, answer_new(x, 100));
		x->request->expect_continue = false;	/* the server is not asked */
	}
	exchange_want(x, BUFFER_WINDOW);
}

static void
end_buffering(struct forward *f, const struct fields *trailers)
{
	struct request *r = f->x->request;

	if (f->rules->no_trailers)
		trailers = NULL;
	if (r->framing == FRAMING_CHUNKED && trailers == NULL) {
		r->framing = FRAMING_LENGTH;
		r->content_length = f->x->body_in;
	}
	f->buffering = false;
	f->fetch.request_ended = true;
	f->fetch.trailers = trailers;
	fetch_start(&f->fetch);
}

void
forward_body(struct exchange *x, struct chain *moved)
{
	struct forward *f = of(x);
	uint64_t n = moved->len;

	if (f->buffering) {
		chain_keep(&f->fetch.kept, moved);
		chain_clear(moved);
		exchange_want(x, n);
		return;
	}
	stop_waiting_for_continue(f);		/* the client did not wait */
	fetch_body(&f->fetch, moved);
	if (x->request_filters == NULL)
		x->stream->sink_takes = fetch_takes(&f->fetch) & SEG_PIPE;
}

/* Both sides have agreed on the switch, and the request is complete: what follows are bytes. */
static void
begin_tunnel(struct forward *f, struct response *r)
{
	f->switching = NULL;
	response_strip_hop_by_hop(r);
	exchange_head(f->x, r);
	fetch_tunnel(&f->fetch);
	exchange_tunnel(f->x);
	exchange_want(f->x, STREAM_HIGH);
}

void
forward_end(struct exchange *x, const struct fields *trailers)
{
	struct forward *f = of(x);

	if (f->buffering)
		end_buffering(f, trailers);
	else
		fetch_end(&f->fetch, trailers);
	if (f->switching != NULL)
		begin_tunnel(f, f->switching);
}

/* --- the response -------------------------------------------------------------------------- */

void
forward_fields(struct exchange *x, struct str server_host, struct fields *out)
{
	const struct forward_rules *rules = of(x)->rules;

	x->server_host = server_host;
	if (rules->fields != NULL)
		rules->fields(x, server_host, out);
	else
		forwarded_fields(x, x->backend, server_host, out);
	x->told_host = fields_find(out, FIELD_HOST)->value;
}

static void
on_fields(void *user, struct str server_host, struct fields *out)
{
	struct forward *f = user;

	forward_fields(f->x, server_host, out);
}

static void
on_info(void *user, struct response *r)
{
	struct forward *f = user;

	fields_strip_hop_by_hop(&r->fields);
	exchange_info(f->x, r);
	if (r->status == 100)
		stop_waiting_for_continue(f);
}

/* The client may speak the new protocol only behind its whole request, so it does not hear of the
 * switch earlier: RFC 9110, 7.8. */
static void
switch_protocols(struct forward *f, struct response *r)
{
	if (f->fetch.request_ended) {
		begin_tunnel(f, r);
		return;
	}
	f->switching = r;
	if (f->wanted > 0)
		say_continue(f);
}

static void
refuse_head(struct exchange *x, const char *text)
{
	exchange_fail(x, 502, "bad-response", "backend %.*s: server %.*s: %s",
	    STR_ARG(x->backend->name), STR_ARG(x->server_host), text);
}

static void
on_head(void *user, struct response *r)
{
	struct forward *f = user;
	struct exchange *x = f->x;

	x->upstream_response = r;
	if (r == f->fetch.held) {
		x->server_host = f->held_server_host;
		x->told_host = f->held_told_host;
	}
	if (!location_map_back(x, r)) {
		refuse_head(x, "rewrite_location makes its fields too long");
		return;
	}
	if (exchange_is_full(x)) {
		refuse_head(x, "the request and its answers take too much memory");
		return;
	}
	if (x->backend->sticky.cookie.p != NULL && f->fetch.server != NULL)
		sticky_bind(x->runtime->sticky, x, &f->cookie, f->fetch.server->id, r);
	if (r->status == 101) {
		switch_protocols(f, r);
		return;
	}
	f->wanted = 0;
	loop_timer_cancel(x->runtime->loop, &f->continue_timer);
	response_strip_hop_by_hop(r);
	if (f->rules->head != NULL && !f->rules->head(x, r)) {
		fetch_set_sink(&f->fetch, 0);
		return;
	}
	exchange_head(x, r);
	if (x->filters != NULL || x->response_buffer != NULL)
		fetch_set_sink(&f->fetch, 0);	/* the bytes are looked at, or kept */
}

/* The server may be removed before its answer is delivered. */
static void
on_hold(void *user)
{
	struct forward *f = user;
	struct arena *arena = &f->x->stream->arena;

	f->held_server_host = arena_str(arena, f->x->server_host);
	f->held_told_host = arena_str(arena, f->x->told_host);
}

static enum flow
on_body(void *user, struct chain *moved)
{
	struct forward *f = user;

	if (f->rules->body != NULL && f->rules->body(f->x, moved))
		return FLOW_OK;
	return exchange_body(f->x, moved);
}

static void
on_end(void *user, const struct fields *trailers)
{
	struct forward *f = user;

	if (f->rules->end == NULL || !f->rules->end(f->x))
		exchange_end(f->x, f->rules->no_trailers ? NULL : trailers);
}

static void
on_failed(void *user, const struct fetch_failure *failure)
{
	struct forward *f = user;

	if (failure->retry_after_s > 0)
		error_page_retry_after(f->x, failure->retry_after_s);
	exchange_fail(f->x, failure->status, failure->why, "%s", failure->text);
}

static const struct fetch_events fetch_events = {
	.fields = on_fields,
	.want = on_want,
	.info = on_info,
	.head = on_head,
	.hold = on_hold,
	.body = on_body,
	.end = on_end,
	.failed = on_failed,
};

/* --- what the exchange says ---------------------------------------------------------------- */

static void
init_fetch(struct forward *f)
{
	struct exchange *x = f->x;
	struct fetch *fetch = &f->fetch;

	fetch_init(fetch);
	fetch->events = &fetch_events;
	fetch->user = f;
	fetch->runtime = x->runtime;
	fetch->arena = &x->stream->arena;
	fetch->request = x->request;
	fetch->target = x->uri;
	fetch->conf = x->backend;
	fetch->policy = x->policy;
	fetch->client = x->stream;
	fetch->log = &x->attempts;
	fetch->request_ended = x->stream->body_done;
	fetch->sink_takes = x->stream->takes & SEG_PIPE;
	fetch->choice.hash = hash_keys_eval(x->runtime->hash_keys, x->backend, x);
	if (x->backend->sticky.cookie.p != NULL) {
		f->cookie = sticky_read(x->runtime->sticky, x);
		fetch->choice.sticky = f->cookie.id;
	}
}

void
forward_start(struct exchange *x, const struct forward_rules *rules, void *rules_state)
{
	struct forward *f = ARENA_NEW(&x->stream->arena, struct forward);

	f->x = x;
	f->rules = rules;
	f->rules_state = rules_state;
	timer_init(&f->continue_timer, on_continue_timer);
	x->source_state = f;
	if (x->runtime->dry)
		return;
	init_fetch(f);
	if (x->policy->request_buffering && !x->stream->body_done)
		start_buffering(f);
	else
		fetch_start(&f->fetch);
}

void *
forward_rules_state(const struct exchange *x)
{
	return ((const struct forward *)x->source_state)->rules_state;
}

/* Also for the backend behind try_files. */
static enum source_start
start(struct exchange *x)
{
	static const struct forward_rules none;

	if (x->backend == NULL)
		x->backend = x->conf->files_backend;
	forward_start(x, &none, NULL);
	return SOURCE_TAKEN;
}

void
forward_resume(struct exchange *x)
{
	fetch_resume(&of(x)->fetch);
}

void
forward_cancel(struct exchange *x)
{
	struct forward *f = of(x);

	if (f == NULL)
		return;			/* its source failed before forward_start() */
	loop_timer_cancel(x->runtime->loop, &f->continue_timer);
	fetch_cancel(&f->fetch);
}

const struct source source_forward = {
	.name = "forward",
	.start = start,
	.body = forward_body,
	.end = forward_end,
	.resume = forward_resume,
	.cancel = forward_cancel,
	.fields = forward_fields,
};
