/*
 * forward_response.c - lets a server of a backend answer: its response, and what if it fails.
 */
#include "base/check.h"
#include "base/log.h"
#include "proxy/forward_internal.h"
#include "proxy/runtime.h"

/* What a failure is called, answered with, and counted as. */
static const struct failure_kind {
	int status;
	const char *why;
	enum metrics_failure metric;
} failures[] = {
	[BACK_CONNECT] = { 502, "connect", FAIL_CONNECT },
	[BACK_CONNECT_TIMEOUT] = { 504, "connect-timeout", FAIL_CONNECT_TIMEOUT },
	[BACK_CLOSED] = { 502, "server-closed", FAIL_RESET },
	[BACK_FIRST_BYTE_TIMEOUT] = { 504, "first-byte-timeout", FAIL_TIMEOUT },
	[BACK_READ_TIMEOUT] = { 504, "read-timeout", FAIL_TIMEOUT },
	[BACK_WRITE_TIMEOUT] = { 504, "write-timeout", FAIL_TIMEOUT },
	[BACK_BAD_RESPONSE] = { 502, "bad-response", FAIL_BAD_RESPONSE },
	[BACK_TLS] = { 502, "tls-handshake", FAIL_TLS },
	[BACK_TLS_VERIFY] = { 502, "tls-verify", FAIL_TLS_VERIFY },
	[BACK_TUNNEL_TIMEOUT] = { 504, "tunnel-timeout", FAIL_TIMEOUT },
};

void
forward_pay(struct forward *f)
{
	uint64_t n = f->owed_request;

	f->owed_request = 0;
	if (n > 0)
		exchange_want(f->x, n);
}

static void
on_connected(void *user)
{
	struct forward *f = user;

	f->connected = true;
	f->attempt->connected_us = clock_us();
	forward_pay(f);
}

static void
on_hold(void *user, struct block *block)
{
	struct forward *f = user;

	exchange_hold(f->x, block);
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
	f->request_ended = false;
	f->owed_request = f->owed_response = 0;
	exchange_want(f->x, STREAM_HIGH);
}

static void
on_head(void *user, struct response *r)
{
	struct forward *f = user;
	struct exchange *x = f->x;

	f->attempt->status = r->status;
	f->attempt->head_us = clock_us();
	x->upstream_response = r;
	f->waits_for_continue = false;
	loop_timer_cancel(x->runtime->loop, &f->continue_timer);
	f->replayable = false;
	chain_clear(&f->kept);
	if (r->status == 101) {
		begin_tunnel(f, r);
		return;
	}
	fields_strip_hop_by_hop(&r->fields);
	exchange_head(x, r);
	if ((x->filters != NULL || x->response_buffer != NULL) && f->back != NULL)
		f->back->sink_takes = 0;	/* the bytes are looked at, or kept */
}

static void
on_body(void *user, struct chain *moved)
{
	struct forward *f = user;
	uint64_t n = moved->len;

	if (exchange_body(f->x, moved) == FLOW_FULL)
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
	exchange_end(f->x, trailers);
}

static void
on_drained(void *user)
{
	struct forward *f = user;

	if (f->connected)
		forward_pay(f);
}

/* Whether the request may go to another server, or again to the same one. */
static bool
may_retry(struct forward *f, enum back_failure failure, const struct back_stream *back)
{
	const struct exchange *x = f->x;

	if (x->stream->started || !f->replayable)
		return false;
	if (failure == BACK_CONNECT || failure == BACK_CONNECT_TIMEOUT || failure == BACK_TLS) {
		if (f->retries == 0)
			return false;
		f->retries--;
		return true;
	}
	/*
	 * A connection that was closed just when we used it says nothing about the server, and
	 * happens with every server that closes idle connections: so it is no try.
	 */
	if (failure == BACK_CLOSED && back->reused && !back->got_bytes && !f->fresh_only &&
	    (back->bytes_out == 0 || method_is_idempotent(x->request->method_id))) {
		f->fresh_only = true;
		return true;
	}
	return false;
}

static void
on_failed(void *user, enum back_failure failure, const char *text)
{
	struct forward *f = user;
	struct exchange *x = f->x;
	const struct failure_kind *kind = &failures[failure];
	struct str addr = f->server->addr_text;
	bool again = may_retry(f, failure, f->back);

	metrics_add(&f->server->cell->failures[kind->metric], 1);
	/* Somebody may stand in between: never tried again, never without verification. */
	if (failure == BACK_TLS_VERIFY)
		log_error("backend %.*s: server %.*s: %s", STR_ARG(x->backend->name),
		    STR_ARG(addr), text);
	forward_release(f);
	if (!again) {
		x->upstream_failed = true;
		exchange_fail(x, kind->status, kind->why, "backend %.*s: server %.*s: %s",
		    STR_ARG(x->backend->name), STR_ARG(addr), text);
		return;
	}
	log_info("backend %.*s: server %.*s: %s: trying again", STR_ARG(x->backend->name),
	    STR_ARG(addr), text);
	metrics_add(&backend_cell(f->backend)->retries, 1);
	f->connected = false;
	forward_try(f);
}

const struct back_stream_events forward_events = {
	.connected = on_connected,
	.info = on_info,
	.head = on_head,
	.body = on_body,
	.end = on_end,
	.drained = on_drained,
	.hold = on_hold,
	.failed = on_failed,
};
