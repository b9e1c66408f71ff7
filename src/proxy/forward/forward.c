/*
 * forward.c - lets a server of a backend answer: the source that an exchange sees.
 *
 *	request body ─► exchange ─► body() ─► back_stream ─► server
 *	                                └► kept, for as long as a retry may need it
 */
#include "proxy/forward/forward.h"

#include "proxy/answer.h"
#include "proxy/balance/hash_keys.h"
#include "proxy/forward/forward_internal.h"
#include "proxy/runtime.h"

enum {
	CONTINUE_MS = 1000,		/* a server silent for so long leaves 100 to us */
	RESPONSE_HEAD_MAX = 65536,
};

static struct forward *
of(struct exchange *x)
{
	return x->source_state;
}

/* --- the request body ---------------------------------------------------------------------- */

void
forward_ask(struct forward *f)
{
	if (f->asked)
		return;
	f->asked = true;
	if (f->x->request->expect_continue) {
		f->waits_for_continue = true;
		exchange_want(f->x, 1);		/* to see a client that does not wait */
		loop_timer_set(f->x->runtime->loop, &f->continue_timer, clock_ms() + CONTINUE_MS);
	} else if (!f->request_ended) {
		exchange_want(f->x, REQUEST_WINDOW);
	}
}

void
forward_pay(struct forward *f)
{
	uint64_t n = f->owed_request;

	f->owed_request = 0;
	if (n > 0)
		exchange_want(f->x, n);
}

void
forward_forget_body(struct forward *f)
{
	f->replayable = false;
	chain_clear(&f->kept);
}

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

/* Keeps what is sent for as long as it may have to be sent again. */
static void
keep(struct forward *f, const struct chain *bytes)
{
	if (f->replayable && (f->kept.len + bytes->len > KEEP_MAX ||
	    (chain_kinds(bytes) & ~(unsigned)SEG_MEM) || f->x->stream->started)) {
		forward_forget_body(f);
		/* From here on the bytes are nobody's but the server's. */
		if (f->x->request_filters == NULL)
			f->x->stream->sink_takes = f->back->takes & SEG_PIPE;
	}
	if (f->replayable)
		chain_keep(&f->kept, bytes);
}

/* Between attempts: what the client had been asked for before, so a window at most. */
static void
keep_for_later(struct forward *f, struct chain *moved)
{
	f->owed_request += moved->len;
	chain_keep(&f->kept, moved);
	chain_clear(moved);
}

static void
body(struct exchange *x, struct chain *moved)
{
	struct forward *f = of(x);
	uint64_t n = moved->len;

	if (f->waits_for_continue)
		forward_want_request(f);	/* the client did not wait */
	if (f->back == NULL) {
		if (!f->response_ended)
			keep_for_later(f, moved);
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

/* --- what the exchange says ---------------------------------------------------------------- */

struct back_limits
forward_limits(const struct conf_policy *policy)
{
	return (struct back_limits){
		.connect_timeout_ms = policy->connect_timeout_ms,
		.first_byte_timeout_ms = policy->first_byte_timeout_ms,
		.read_timeout_ms = policy->read_timeout_ms,
		.write_timeout_ms = policy->write_timeout_ms,
		.tunnel_timeout_ms = policy->tunnel_timeout_ms,
		.max_head = RESPONSE_HEAD_MAX,
	};
}

static void
start(struct exchange *x)
{
	struct forward *f = ARENA_NEW(&x->stream->arena, struct forward);

	x->source_state = f;
	f->x = x;
	f->backend = x->runtime->backends[x->backend->index];
	f->replayable = true;
	f->request_ended = x->stream->body_done;
	f->trailers = x->trailers;
	f->limits = forward_limits(x->policy);
	f->choice.hash = hash_keys_eval(x->runtime->hash_keys, x);
	if (x->backend->sticky.cookie.p != NULL) {
		f->cookie = sticky_read(x->runtime->sticky, x);
		f->choice.sticky = f->cookie.id;
	}
	chain_init(&f->kept);
	chain_move(&f->kept, &x->buffered);
	timer_init(&f->continue_timer, on_continue_timer);
	forward_retry_init(f);
	forward_try(f);
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
	forward_stop_waiting(f);
	forward_forget_body(f);
	if (back != NULL && x->tunnel && f->request_ended && f->response_ended) {
		forward_release(f);
		back->ops->leave(back);
	} else {
		forward_abandon(f);
	}
}

const struct source source_forward = {
	.name = "forward",
	.start = start,
	.body = body,
	.end = end,
	.resume = resume,
	.cancel = cancel,
};
