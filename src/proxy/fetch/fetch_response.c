/*
 * fetch_response.c - asks a server of a backend: its response, and what if it fails.
 *
 * A response with a status of retry_on is held while another server is asked: it is the answer if
 * none has a better one.
 */
#include <stdio.h>

#include "base/log.h"
#include "proxy/fetch/failure.h"
#include "proxy/fetch/fetch_internal.h"
#include "proxy/runtime.h"

enum { HOLD_MS = 1000 };	/* for all of an answer that is to be held */

/* What a failure is called, and answered with. */
static const struct failure_kind {
	int status;
	const char *why;
	unsigned retry;			/* which of enum conf_retry_on it is; 0: none */
} failures[] = {
	[BACK_CONNECT] = { 502, "connect", RETRY_CONNECT },
	[BACK_CONNECT_TIMEOUT] = { 504, "connect-timeout", RETRY_CONNECT },
	[BACK_CLOSED] = { 502, "server-closed", RETRY_RESET },
	[BACK_FIRST_BYTE_TIMEOUT] = { 504, "first-byte-timeout", RETRY_TIMEOUT },
	[BACK_READ_TIMEOUT] = { 504, "read-timeout", RETRY_TIMEOUT },
	[BACK_WRITE_TIMEOUT] = { 504, "write-timeout", RETRY_TIMEOUT },
	[BACK_BAD_RESPONSE] = { 502, "bad-response", 0 },
	[BACK_TLS] = { 502, "tls-handshake", RETRY_CONNECT },
	[BACK_TLS_VERIFY] = { 502, "tls-verify", RETRY_CONNECT },
	[BACK_TUNNEL_TIMEOUT] = { 504, "tunnel-timeout", 0 },
};

/* Which of enum conf_retry_on a status is; 0: an answer like any other. */
static unsigned
status_kind(int status)
{
	switch (status) {
	case 502:
		return RETRY_502;
	case 503:
		return RETRY_503;
	case 504:
		return RETRY_504;
	default:
		return 0;
	}
}

static void
on_connected(void *user)
{
	struct fetch *f = user;

	f->connected = f->reached = true;
	f->attempt->connected_us = clock_us();
	fetch_reached(f);
	window_restart(&f->window);
	fetch_want_request(f);
}

static void
on_info(void *user, struct response *r)
{
	struct fetch *f = user;

	f->events->info(f->user, r);
}

/* Another server is asked: the metrics and the log say why. */
static void
retry(struct fetch *f, struct metrics_cell *server, struct str addr, const char *text)
{
	log_info("backend %.*s: server %.*s: %s: trying again", STR_ARG(f->conf->name),
	    STR_ARG(addr), text);
	metrics_add(&backend_cell(f->backend)->retries, 1);
	metrics_add(&server->retries, 1);
	fetch_retry(f);
}

/* --- an answer that is held ---------------------------------------------------------------- */

static void
drop_held(struct fetch *f)
{
	f->holding = false;
	f->held = NULL;
	chain_clear(&f->held_body);
}

/* The attempt whose answer is held is over: its stream too, or else it is cancelled. */
static void
retry_held(struct fetch *f, bool stream_is_over)
{
	struct metrics_cell *cell = f->server->cell;
	struct str addr = f->attempt->addr;
	char text[32];

	snprintf(text, sizeof(text), "status %d", f->attempt->status);
	f->holding = false;
	loop_timer_cancel(f->runtime->loop, &f->pause);
	if (stream_is_over)
		fetch_release(f);
	else
		fetch_abandon(f);
	retry(f, cell, addr, text);
}

static void
hold_body(struct fetch *f, struct chain *moved)
{
	uint64_t n = moved->len;

	if (f->held_body.len + n <= FETCH_HOLD_MAX) {
		chain_keep(&f->held_body, moved);
		chain_clear(moved);
		fetch_want_response(f);
		return;
	}
	chain_clear(moved);
	fetch_drop_held(f);
}

void
fetch_drop_held(struct fetch *f)
{
	/* Should no other server be left to ask, this is what happened. */
	f->failure = (struct fetch_failure){
		.status = 502,
		.why = "bad-response",
		.text = arena_printf(f->arena, "backend %.*s: server %.*s: an answer with status"
		    " %d, too long or too slow to be held", STR_ARG(f->conf->name),
		    STR_ARG(f->attempt->addr), f->attempt->status).p,
	};
	drop_held(f);
	retry_held(f, false);
}

static void
deliver_held(struct fetch *f)
{
	struct chain body;

	chain_init(&body);
	chain_move(&body, &f->held_body);
	f->answered = f->response_ended = true;
	fetch_forget_body(f);
	f->events->head(f->user, f->held);
	/* The owner may cancel in each of these calls. */
	if (!f->cancelled && !chain_empty(&body))
		(void)f->events->body(f->user, &body);
	chain_clear(&body);
	if (!f->cancelled)
		f->events->end(f->user, f->held_trailers);
}

void
fetch_give_up(struct fetch *f)
{
	if (f->held != NULL)
		deliver_held(f);
	else
		f->events->failed(f->user, &f->failure);
}

/* --- the response -------------------------------------------------------------------------- */

static void
on_head(void *user, struct response *r)
{
	struct fetch *f = user;
	unsigned kind = status_kind(r->status);

	f->attempt->status = r->status;
	f->attempt->head_us = clock_us();
	if (kind != 0) {
		f->outcome = OUTCOME_BAD;
	} else {
		f->outcome = OUTCOME_GOOD;
		backend_first_byte(f->backend, f->server,
		    f->attempt->head_us - f->attempt->start_us);
	}
	drop_held(f);
	if (kind != 0 && fetch_may_repeat(f, false) && fetch_grants(f, kind)) {
		f->held = r;
		f->holding = true;
		if (f->events->hold != NULL)
			f->events->hold(f->user);
		loop_timer_set(f->runtime->loop, &f->pause, clock_ms() + HOLD_MS);
		f->back->sink_takes = 0;
		return;
	}
	f->answered = true;
	fetch_forget_body(f);
	f->events->head(f->user, r);
}

static void
on_body(void *user, struct chain *moved)
{
	struct fetch *f = user;

	window_use(&f->response_window, moved->len);
	if (f->holding) {
		hold_body(f, moved);
		return;
	}
	if (f->events->body(f->user, moved) != FLOW_OK)
		window_shut(&f->response_window);
	if (f->back != NULL)
		fetch_want_response(f);
}

static void
on_end(void *user, const struct fields *trailers)
{
	struct fetch *f = user;

	if (f->holding) {
		f->held_trailers = trailers;
		retry_held(f, true);
		return;
	}
	f->response_ended = true;
	if (!f->tunnel)
		fetch_release(f);
	f->events->end(f->user, trailers);
}

static void
on_drained(void *user)
{
	struct fetch *f = user;

	window_open(&f->window);
	if (f->connected)
		fetch_want_request(f);
}

/* What a failed attempt leads to; false if nothing but an answer to the owner. */
static bool
goes_on(struct fetch *f, enum back_failure failure, bool unseen, const char *text)
{
	struct metrics_cell *cell = f->server->cell;
	struct str addr = f->attempt->addr;

	if (f->holding) {		/* this retry is granted already */
		drop_held(f);
		retry_held(f, true);
		return true;
	}
	if (!fetch_may_repeat(f, unseen))
		return false;
	if (failures[failure].retry != 0 && fetch_grants(f, failures[failure].retry)) {
		fetch_release(f);
		retry(f, cell, addr, text);
		return true;
	}
	if (failure != BACK_CONNECT && failure != BACK_CONNECT_TIMEOUT)
		return false;
	fetch_release(f);
	return fetch_wait_for_server(f);
}

static void
on_failed(void *user, enum back_failure failure, const char *text)
{
	struct fetch *f = user;
	const struct failure_kind *kind = &failures[failure];
	struct str addr = f->attempt->addr;
	bool unseen = kind->retry == RETRY_CONNECT || !f->back->reached;
	bool stale = failure_is_stale(f->back, failure);

	if (!f->tunnel && !f->holding)
		f->outcome = failure_outcome(f->back, failure);
	if (stale && fetch_may_repeat(f, unseen)) {
		fetch_use_fresh(f);
		return;
	}
	if (!stale)
		failure_count(f->backend, f->server, failure);
	if (failure == BACK_TLS_VERIFY && log_once_a_second(&f->server->warned_ms))
		log_error("backend %.*s: server %.*s: %s", STR_ARG(f->conf->name),
		    STR_ARG(addr), text);
	f->failure = (struct fetch_failure){
		.status = kind->status,
		.why = kind->why,
		.text = arena_printf(f->arena, "backend %.*s: server %.*s: %s",
		    STR_ARG(f->conf->name), STR_ARG(addr), text).p,
	};
	if (goes_on(f, failure, unseen, text))
		return;
	fetch_release(f);
	fetch_give_up(f);
}

const struct back_stream_events fetch_back_events = {
	.connected = on_connected,
	.info = on_info,
	.head = on_head,
	.body = on_body,
	.end = on_end,
	.drained = on_drained,
	.failed = on_failed,
};
