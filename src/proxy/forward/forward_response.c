/*
 * forward_response.c - lets a server of a backend answer: its response, and what if it fails.
 */
#include <stdio.h>

#include "base/log.h"
#include "proxy/bucket/bucket.h"
#include "proxy/forward/failure.h"
#include "proxy/forward/forward_internal.h"
#include "proxy/forward/location.h"
#include "proxy/runtime.h"

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

static void
on_connected(void *user)
{
	struct forward *f = user;

	f->connected = true;
	f->attempt->connected_us = clock_us();
	forward_reached(f);
	forward_pay(f);
}

static void
on_info(void *user, struct response *r)
{
	struct forward *f = user;

	fields_strip_hop_by_hop(&r->fields);
	exchange_info(f->x, r);
	if (r->status == 100)
		forward_want_request(f);
}

/* The switch has been agreed on by both sides: what follows are bytes. */
static void
begin_tunnel(struct forward *f, struct response *r)
{
	struct field *protocol = fields_find(&r->fields, FIELD_UPGRADE);
	struct str name = protocol->value;

	fields_strip_hop_by_hop(&r->fields);
	fields_add_id(&r->fields, FIELD_UPGRADE, name);
	exchange_head(f->x, r);
	f->back->ops->tunnel(f->back);
	exchange_tunnel(f->x);
	/* It may last for days, and how it ends says nothing. */
	backend_report(f->backend, f->server, OUTCOME_GOOD);
	f->outcome = OUTCOME_NEUTRAL;
	f->request_ended = false;
	f->owed_request = f->owed_response = 0;
	exchange_want(f->x, STREAM_HIGH);
}

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
retry(struct forward *f, struct metrics_cell *server, struct str addr, const char *text)
{
	log_info("backend %.*s: server %.*s: %s: trying again", STR_ARG(f->x->backend->name),
	    STR_ARG(addr), text);
	metrics_add(&backend_cell(f->backend)->retries, 1);
	metrics_add(&server->retries, 1);
	forward_retry(f);
}

/* The answer of a server that cannot help right now is dropped if another one may do better. */
static bool
retry_status(struct forward *f, int status)
{
	unsigned kind = status_kind(status);
	struct metrics_cell *cell = f->server->cell;
	struct str addr = f->attempt->addr;
	char text[32];

	if (kind == 0 || !forward_may_repeat(f, false) || !forward_grants(f, kind))
		return false;
	snprintf(text, sizeof(text), "status %d", status);
	forward_abandon(f);
	retry(f, cell, addr, text);
	return true;
}

static void
refuse_head(struct exchange *x, const char *text)
{
	x->upstream_failed = true;
	exchange_fail(x, 502, "bad-response", "backend %.*s: server %.*s: %s",
	    STR_ARG(x->backend->name), STR_ARG(x->server_host), text);
}

static void
on_head(void *user, struct response *r)
{
	struct forward *f = user;
	struct exchange *x = f->x;

	f->attempt->status = r->status;
	f->attempt->head_us = clock_us();
	x->upstream_response = r;
	if (status_kind(r->status) != 0) {
		f->outcome = OUTCOME_BAD;
	} else {
		f->outcome = OUTCOME_GOOD;
		backend_first_byte(f->backend, f->server,
		    f->attempt->head_us - f->attempt->start_us);
	}
	if (retry_status(f, r->status))
		return;
	f->waits_for_continue = false;
	loop_timer_cancel(x->runtime->loop, &f->continue_timer);
	forward_forget_body(f);
	if (!location_map_back(x, r)) {
		refuse_head(x, "rewrite_location makes its fields too long");
		return;
	}
	if (exchange_is_full(x)) {
		refuse_head(x, "the request and its answers take too much memory");
		return;
	}
	if (x->backend->sticky.cookie.p != NULL)
		sticky_bind(x->runtime->sticky, x, &f->cookie, f->server->id, r);
	if (r->status == 101) {
		begin_tunnel(f, r);
		return;
	}
	fields_strip_hop_by_hop(&r->fields);
	if (x->bucket != NULL && !bucket_head(x, r)) {
		f->back->sink_takes = 0;
		return;
	}
	exchange_head(x, r);
	if ((x->filters != NULL || x->response_buffer != NULL) && f->back != NULL)
		f->back->sink_takes = 0;	/* the bytes are looked at, or kept */
}

static void
on_body(void *user, struct chain *moved)
{
	struct forward *f = user;
	uint64_t n = moved->len;
	bool taken = f->x->bucket != NULL && bucket_body(f->x, moved);

	if (!taken && exchange_body(f->x, moved) == FLOW_FULL)
		f->owed_response += n;
	else if (f->back != NULL)
		f->back->ops->want_body(f->back, n);
}

static void
on_end(void *user, const struct fields *trailers)
{
	struct forward *f = user;

	f->response_ended = true;
	if (!f->x->tunnel)
		forward_release(f);
	if (f->x->bucket == NULL || !bucket_end(f->x))
		exchange_end(f->x, trailers);
}

static void
on_drained(void *user)
{
	struct forward *f = user;

	if (f->connected)
		forward_pay(f);
}

/* The same server once more, over a new connection. */
static void
use_fresh(struct forward *f)
{
	forward_release(f);
	f->fresh_only = true;
	if (f->choice.tried.n > 0)
		f->choice.tried.n--;
	forward_take(f);
}

/* What a failed attempt leads to; false if nothing but an answer to the client. */
static bool
goes_on(struct forward *f, enum back_failure failure, bool unseen, const char *text)
{
	struct metrics_cell *cell = f->server->cell;
	struct str addr = f->attempt->addr;

	if (!forward_may_repeat(f, unseen))
		return false;
	if (failures[failure].retry != 0 && forward_grants(f, failures[failure].retry)) {
		forward_release(f);
		/* Somebody may stand in between: not there again. */
		if (failure == BACK_TLS_VERIFY && !forward_take_other(f)) {
			forward_return_grant(f);
			return false;
		}
		retry(f, cell, addr, text);
		return true;
	}
	if (failure != BACK_CONNECT && failure != BACK_CONNECT_TIMEOUT)
		return false;
	forward_release(f);
	return forward_wait_for_server(f);
}

static void
on_failed(void *user, enum back_failure failure, const char *text)
{
	struct forward *f = user;
	struct exchange *x = f->x;
	const struct failure_kind *kind = &failures[failure];
	struct str addr = f->attempt->addr;
	bool unseen = kind->retry == RETRY_CONNECT || !f->back->reached;

	if (!x->tunnel)
		f->outcome = failure_outcome(f->back, failure);
	/* That is no try. */
	if (failure_is_stale(f->back, failure) && forward_may_repeat(f, unseen)) {
		use_fresh(f);
		return;
	}
	failure_count(f->backend, f->server, failure);
	if (failure == BACK_TLS_VERIFY && log_once_a_second(&f->server->warned_ms))
		log_error("backend %.*s: server %.*s: %s", STR_ARG(x->backend->name),
		    STR_ARG(addr), text);
	if (goes_on(f, failure, unseen, text))
		return;
	forward_release(f);
	x->upstream_failed = true;
	exchange_fail(x, kind->status, kind->why, "backend %.*s: server %.*s: %s",
	    STR_ARG(x->backend->name), STR_ARG(addr), text);
}

const struct back_stream_events forward_events = {
	.connected = on_connected,
	.info = on_info,
	.head = on_head,
	.body = on_body,
	.end = on_end,
	.drained = on_drained,
	.failed = on_failed,
};
