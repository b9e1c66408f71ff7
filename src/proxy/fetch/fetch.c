/*
 * fetch.c - asks a server of a backend: the request, its body, and the end.
 *
 *	fetch_body() ─► back_stream ─► server
 *	          └► kept, for as long as a retry may need it
 */
#include "proxy/fetch/fetch.h"

#include "proxy/fetch/fetch_internal.h"
#include "proxy/runtime.h"

enum { RESPONSE_HEAD_MAX = 65536 };

void
fetch_init(struct fetch *f)
{
	*f = (struct fetch){ .replayable = true };
	chain_init(&f->kept);
	chain_init(&f->held_body);
}

static struct back_limits
limits_of(const struct conf_policy *policy)
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

void
fetch_start(struct fetch *f)
{
	f->backend = f->runtime->backends[f->conf->index];
	f->limits = limits_of(f->policy);
	f->replayable = !f->once;
	fetch_retry_init(f);
	fetch_try(f);
}

void
fetch_want_request(struct fetch *f)
{
	uint64_t n = f->asked && !f->request_ended ? window_grant(&f->window) : 0;

	if (n > 0)
		f->events->want(f->user, n);
}

void
fetch_want_response(struct fetch *f)
{
	uint64_t n = window_grant(&f->response_window);

	if (n > 0)
		f->back->ops->want_body(f->back, n);
}

void
fetch_forget_body(struct fetch *f)
{
	f->replayable = false;
	chain_clear(&f->kept);
}

/* Keeps what is sent for as long as it may have to be sent again. */
static void
keep(struct fetch *f, const struct chain *bytes)
{
	if (f->replayable && (f->kept.len + bytes->len > FETCH_KEEP_MAX ||
	    (chain_kinds(bytes) & ~(unsigned)SEG_MEM) || f->answered))
		fetch_forget_body(f);
	if (f->replayable)
		chain_keep(&f->kept, bytes);
}

/* Between attempts: what had been asked for before, so a window at most. */
static void
keep_for_later(struct fetch *f, struct chain *moved)
{
	chain_keep(&f->kept, moved);
	chain_clear(moved);
}

void
fetch_body(struct fetch *f, struct chain *moved)
{
	window_use(&f->window, moved->len);
	if (f->back == NULL) {
		if (!f->response_ended)
			keep_for_later(f, moved);
		chain_clear(moved);
		return;
	}
	if (!f->tunnel)
		keep(f, moved);
	f->sent += moved->len;
	if (f->back->ops->send_body(f->back, moved) != FLOW_OK)
		window_shut(&f->window);
	if (f->connected)
		fetch_want_request(f);
}

void
fetch_end(struct fetch *f, const struct fields *trailers)
{
	f->request_ended = true;
	f->trailers = trailers;
	if (f->back != NULL)
		f->back->ops->send_end(f->back, trailers);
}

unsigned
fetch_takes(const struct fetch *f)
{
	return f->replayable || f->back == NULL ? 0 : f->back->takes;
}

uint64_t
fetch_backlog(const struct fetch *f)
{
	return f->back != NULL && f->sent > f->back->bytes_out ? f->sent - f->back->bytes_out : 0;
}

void
fetch_resume(struct fetch *f)
{
	window_open(&f->response_window);
	if (f->back != NULL)
		fetch_want_response(f);
}

void
fetch_set_sink(struct fetch *f, unsigned kinds)
{
	f->sink_takes = kinds;
	if (f->back != NULL)
		f->back->sink_takes = kinds;
}

void
fetch_tunnel(struct fetch *f)
{
	f->tunnel = true;
	f->back->ops->tunnel(f->back);
	/* It may last for days, and how it ends says nothing. */
	backend_report(f->backend, f->server, OUTCOME_GOOD);
	f->outcome = OUTCOME_NEUTRAL;
	f->request_ended = false;
	f->window.credit = WINDOW_BYTES;	/* which the owner gives */
}

void
fetch_cancel(struct fetch *f)
{
	struct back_stream *back = f->back;

	f->cancelled = true;
	fetch_forget_body(f);
	chain_clear(&f->held_body);
	if (f->backend == NULL)
		return;			/* not started */
	fetch_stop_waiting(f);
	if (back != NULL && f->tunnel && f->request_ended && f->response_ended) {
		fetch_release(f);
		back->ops->leave(back);
	} else {
		fetch_abandon(f);
	}
}
