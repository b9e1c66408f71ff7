/*
 * h1_back.c - HTTP/1 connections to servers: connecting, sending, the life of a connection.
 */
#include "http/h1_back.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/h1_back_internal.h"
#include "net/socket.h"
#include "net/tls_client.h"
#include "net/tls_server.h"

enum { LEAVE_MS = 30000 };	/* for a tunnel's last bytes when both sides have ended */

static struct h1_back *
of(struct back_stream *s)
{
	return CONTAINER_OF(s, struct h1_back, stream);
}

static void
free_back(struct garbage *g)
{
	struct h1_back *b = CONTAINER_OF(g, struct h1_back, garbage);

	h1_body_fini(&b->body);
	mem_free(b);
}

static void
close_back(struct h1_back *b)
{
	if (b->state == BACK_STATE_CLOSED)
		return;
	b->state = BACK_STATE_CLOSED;
	transport_close(&b->transport, false);
	loop_timer_cancel(b->transport.loop, &b->timer);
	task_cancel(&b->work);
	link_remove(&b->link);
	link_remove(&b->age_link);
	chain_clear(&b->out);
	buf_fini(&b->preface);
	block_unref(b->in);
	b->in = NULL;
	mem_free(b->scan);
	b->scan = NULL;
	b->owner->closed(b->owner, b);
	loop_discard(b->transport.loop, &b->garbage, free_back);
}

void
h1_back_failed(struct h1_back *b, enum back_failure failure, const char *text)
{
	if (b->state == BACK_STATE_CLOSED)
		return;
	close_back(b);
	if (!b->over) {
		b->over = true;
		b->stream.events->failed(b->stream.user, failure, text);
	}
}

void
h1_back_lost(struct h1_back *b, const char *what)
{
	char text[TLS_ERROR_TEXT + 32];
	int error = errno;
	const char *reason = transport_tls_failure(&b->transport);
	enum back_failure failure =
	    b->state == BACK_STATE_CONNECTING ? BACK_CONNECT : BACK_CLOSED;

	if (b->transport.watcher.fd >= 0 && error == 0)
		error = socket_error(b->transport.watcher.fd);
	if (*reason == '\0')
		reason = error != 0 ? strerror(error) : "closed";
	snprintf(text, sizeof(text), "%s: %s", what, reason);
	h1_back_failed(b, failure, text);
}

void
h1_back_arm(struct h1_back *b)
{
	const struct back_limits *l = b->stream.limits;
	msec deadline = TIMER_NEVER;

	switch (b->state) {
	case BACK_STATE_CONNECTING:
	case BACK_STATE_HANDSHAKE:
		return;			/* set once when the attempt began */
	case BACK_STATE_HEAD:
		if (!chain_empty(&b->out))
			deadline = b->sending.check_ms;
		else if (b->end_sent)
			deadline = msec_after(clock_ms(), l->first_byte_timeout_ms);
		break;
	case BACK_STATE_SWITCH:
		if (!chain_empty(&b->out))
			deadline = b->sending.check_ms;
		break;
	case BACK_STATE_BODY:
		if (b->credit > 0)
			deadline = msec_after(clock_ms(), l->read_timeout_ms);
		break;
	case BACK_STATE_TUNNEL:
		deadline = msec_after(clock_ms(), l->tunnel_timeout_ms);
		break;
	default:
		deadline = b->idle_deadline_ms;
		break;
	}
	loop_timer_set(b->transport.loop, &b->timer, deadline);
}

static void
head_timeout(struct h1_back *b)
{
	if (chain_empty(&b->out) && b->state == BACK_STATE_HEAD)
		h1_back_failed(b, BACK_FIRST_BYTE_TIMEOUT, "no response in time");
	else if (stall_is_over(&b->sending, &b->transport, b->stream.limits->write_timeout_ms))
		h1_back_failed(b, BACK_WRITE_TIMEOUT, "the server does not read");
	else
		h1_back_arm(b);
}

static void
on_timer(struct timer *t)
{
	struct h1_back *b = CONTAINER_OF(t, struct h1_back, timer);

	switch (b->state) {
	case BACK_STATE_CONNECTING:
		h1_back_failed(b, BACK_CONNECT_TIMEOUT, "no connection in time");
		break;
	case BACK_STATE_HANDSHAKE:
		h1_back_failed(b, BACK_CONNECT_TIMEOUT, "no tls handshake in time");
		break;
	case BACK_STATE_HEAD:
	case BACK_STATE_SWITCH:
		head_timeout(b);
		break;
	case BACK_STATE_BODY:
		h1_back_failed(b, BACK_READ_TIMEOUT, "no more of the response in time");
		break;
	case BACK_STATE_TUNNEL:
		h1_back_failed(b, BACK_TUNNEL_TIMEOUT, "an idle tunnel");
		break;
	default:
		close_back(b);
		break;
	}
}

/* --- sending ------------------------------------------------------------------------------- */

static void
send_head(struct back_stream *s, const struct fields *fields, struct str method,
    struct str target, enum framing framing, uint64_t content_length, struct str upgrade)
{
	struct h1_back *b = of(s);
	struct h1_request_head head = { method, target, fields, framing, content_length, upgrade };

	h1_write_request(&b->out, &head);
	b->chunked_out = framing == FRAMING_CHUNKED;
	loop_post(b->transport.loop, &b->work);
}

static enum flow
send_body(struct back_stream *s, struct chain *moved)
{
	struct h1_back *b = of(s);
	bool waits;

	if (b->state == BACK_STATE_CLOSED || b->send_failed) {
		chain_clear(moved);
		return FLOW_OK;
	}
	b->queued = true;
	waits = transport_is_blocked(&b->transport, &b->out);
	if (b->chunked_out)
		h1_write_chunk(&b->out, moved, waits);
	else
		h1_write_body(&b->out, moved, waits);
	loop_post(b->transport.loop, &b->work);
	return waits || b->out.len >= STREAM_HIGH ? FLOW_FULL : FLOW_QUEUED;
}

static void
send_end(struct back_stream *s, const struct fields *trailers)
{
	struct h1_back *b = of(s);

	if (b->state == BACK_STATE_CLOSED || b->send_failed)
		return;
	if (b->chunked_out)
		h1_write_last_chunk(&b->out, trailers);
	b->end_sent = true;
	loop_post(b->transport.loop, &b->work);
}

static void
want_body(struct back_stream *s, uint64_t bytes)
{
	struct h1_back *b = of(s);
	bool starved;

	if (b->state == BACK_STATE_CLOSED || b->over)
		return;
	starved = b->credit == 0;
	b->credit = b->credit + bytes < b->credit ? UINT64_MAX : b->credit + bytes;
	/* It may be that no byte is there to be read, and none comes. */
	if (starved && b->state == BACK_STATE_BODY)
		h1_back_arm(b);
	loop_post(b->transport.loop, &b->work);
}

static void
tunnel(struct back_stream *s)
{
	struct h1_back *b = of(s);

	b->state = BACK_STATE_TUNNEL;
	b->chunked_out = false;
	b->end_sent = false;
	h1_body_init(&b->body, FRAMING_CLOSE, 0);
	h1_back_arm(b);
	loop_post(b->transport.loop, &b->work);	/* bytes behind the 101 may have come long ago */
}

static void
cancel(struct back_stream *s)
{
	struct h1_back *b = of(s);

	b->over = true;
	close_back(b);
}

static void
leave(struct back_stream *s)
{
	static const struct back_limits limits =
	    { .write_timeout_ms = LEAVE_MS, .tunnel_timeout_ms = LEAVE_MS };
	struct h1_back *b = of(s);

	b->over = true;
	b->stream.limits = &limits;	/* those of the exchange end with it */
	h1_back_arm(b);
	loop_post(b->transport.loop, &b->work);
}

static const struct back_stream_ops h1_back_ops = {
	.send_head = send_head,
	.send_body = send_body,
	.send_end = send_end,
	.want_body = want_body,
	.tunnel = tunnel,
	.leave = leave,
	.cancel = cancel,
};

/*
 * A server may answer and close without reading all: what it said counts.  False if the connection
 * is over.
 */
static bool
outlives_send_error(struct h1_back *b)
{
	if (b->send_failed || b->eof || b->state == BACK_STATE_SWITCH) {
		h1_back_lost(b, "send");
		return false;
	}
	b->send_failed = true;
	chain_clear(&b->out);
	/* The event that tells of the end may still be on its way. */
	b->transport.watcher.ready |= READY_READ | READY_ERROR;
	h1_back_input(b);
	return b->state != BACK_STATE_CLOSED;
}

/* In a tunnel: passes the client's end on; the connection goes when nobody else needs it. */
static void
end_sending(struct h1_back *b)
{
	if (!b->shut)
		transport_shutdown(&b->transport);
	b->shut = true;
	if (b->over)
		close_back(b);
}

static void
flush(struct h1_back *b)
{
	ssize_t n = 0;

	if (!chain_empty(&b->out) && (b->transport.watcher.ready & READY_WRITE))
		n = transport_send(&b->transport, &b->out, false);
	if (n > 0 || b->transport.untold)
		b->stream.reached = true;
	if (n < 0) {
		if (!outlives_send_error(b))
			return;
		n = 0;
	}
	b->stream.bytes_out += (uint64_t)n;
	chain_pack(&b->out);
	if (chain_empty(&b->out))
		stall_clear(&b->sending);
	else if (n > 0 || b->sending.check_ms == TIMER_NEVER)
		stall_progress(&b->sending, b->stream.limits->write_timeout_ms);
	if (b->state == BACK_STATE_TUNNEL && b->end_sent && chain_empty(&b->out))
		end_sending(b);
	if (b->state == BACK_STATE_CLOSED)
		return;
	if (n > 0 || b->state == BACK_STATE_HEAD)
		h1_back_arm(b);
	if (b->queued && chain_empty(&b->out)) {
		b->queued = false;
		if (!b->over)
			b->stream.events->drained(b->stream.user);
	}
}

static void
connected(struct h1_back *b)
{
	b->state = BACK_STATE_HEAD;
	h1_back_arm(b);
	if (b->stream.events->connected != NULL)
		b->stream.events->connected(b->stream.user);
}

static void
handshake_failed(struct h1_back *b)
{
	char text[TLS_ERROR_TEXT];

	/* The text goes with the connection. */
	snprintf(text, sizeof(text), "tls: %s", transport_tls_failure(&b->transport));
	if (transport_tls_verify_failed(&b->transport))
		h1_back_failed(b, BACK_TLS_VERIFY, text);
	else if (*transport_tls_failure(&b->transport) != '\0')
		h1_back_failed(b, BACK_TLS, text);
	else
		h1_back_lost(b, "tls handshake");
}

static void
handshake(struct h1_back *b)
{
	int r = transport_handshake(&b->transport);

	if (r == IO_ERROR)
		handshake_failed(b);
	else if (r != IO_AGAIN)
		connected(b);
}

/* The TCP connection is up; the buffer of a new one takes a preface whole. */
static void
begin_handshake(struct h1_back *b)
{
	size_t n = b->preface.n;

	if (n > 0 && socket_send(b->transport.watcher.fd, b->preface.p, n) != (ssize_t)n) {
		h1_back_lost(b, "send");
		return;
	}
	buf_fini(&b->preface);
	b->state = BACK_STATE_HANDSHAKE;
	handshake(b);
}

/* Nothing may come on an idle connection but its end, and what TLS says to itself. */
static bool
idle_is_over(struct h1_back *b)
{
	char byte;
	struct iovec iov = { &byte, 1 };

	if (b->transport.watcher.ready & (READY_EOF | READY_ERROR))
		return true;
	return (b->transport.watcher.ready & READY_READ) &&
	    transport_recv(&b->transport, &iov, 1) != IO_AGAIN;
}

static void
on_ready(struct watcher *w)
{
	struct h1_back *b = CONTAINER_OF(w, struct h1_back, transport.watcher);

	b->turn_bytes = 0;
	if (b->state == BACK_STATE_IDLE) {
		if (idle_is_over(b))
			close_back(b);
		return;
	}
	if (b->state == BACK_STATE_CONNECTING) {
		if (w->ready & READY_ERROR) {
			errno = 0;
			h1_back_lost(b, "connect");
			return;
		}
		if (!(w->ready & READY_WRITE))
			return;
		if (transport_tls(&b->transport) != NULL)
			begin_handshake(b);
		else
			connected(b);
	} else if (b->state == BACK_STATE_HANDSHAKE) {
		handshake(b);
	}
	if (b->state == BACK_STATE_CLOSED || b->state == BACK_STATE_HANDSHAKE)
		return;
	/* What came on an idle connection before it got this request cannot be the answer to it. */
	if (b->requests > 1 && b->attach_turn == loop_turn(b->transport.loop) &&
	    idle_is_over(b)) {
		h1_back_failed(b, BACK_CLOSED, w->ready & READY_EOF ?
		    "closed while it was idle" : "bytes on an idle connection");
		return;
	}
	if (!chain_empty(&b->out) && (w->ready & READY_WRITE))
		loop_post(b->transport.loop, &b->work);
	/* After a yield, bytes that have been read already may be all that there is to do. */
	if ((w->ready & READY_READ) || b->in != NULL)
		h1_back_input(b);
}

static void
on_work(struct task *t)
{
	struct h1_back *b = CONTAINER_OF(t, struct h1_back, work);

	if (b->state == BACK_STATE_CONNECTING || b->state == BACK_STATE_HANDSHAKE ||
	    b->state == BACK_STATE_IDLE)
		return;
	if (b->credit > 0 && (b->in != NULL || (b->transport.watcher.ready & READY_READ)))
		h1_back_input(b);
	if (b->state != BACK_STATE_CLOSED && b->state != BACK_STATE_IDLE)
		flush(b);
}

/* --- streams on connections ---------------------------------------------------------------- */

static struct back_stream *
open_stream(struct h1_back *b, const struct back_limits *limits)
{
	b->stream = (struct back_stream){ .ops = &h1_back_ops, .limits = limits,
		.takes = b->transport.ops->kinds, .reused = b->requests > 0 };
	b->requests++;
	b->credit = 0;
	stall_clear(&b->sending);
	b->over = b->end_sent = b->queued = b->chunked_out = false;
	return &b->stream;
}

static int
open_transport(struct h1_back *b, struct loop *loop, int fd, const struct h1_back_owner *owner)
{
	if (owner->tls == NULL)
		return transport_open_plain(&b->transport, loop, fd, on_ready);
	return transport_open_tls_client(&b->transport, loop, fd, on_ready, owner->tls,
	    owner->tls_name);
}

struct back_stream *
h1_back_connect(struct loop *loop, const struct addr *addr, struct h1_back_owner *owner,
    const struct back_limits *limits)
{
	int fd = socket_connect(addr);
	struct h1_back *b;

	if (fd < 0)
		return NULL;
	b = MEM_NEW(struct h1_back);
	if (open_transport(b, loop, fd, owner) < 0) {
		int saved = errno;

		close(fd);
		mem_free(b);
		errno = saved;
		return NULL;
	}
	b->owner = owner;
	b->state = BACK_STATE_CONNECTING;
	b->idle_deadline_ms = TIMER_NEVER;
	chain_init(&b->out);
	buf_init(&b->preface);
	link_init(&b->link);
	link_init(&b->age_link);
	timer_init(&b->timer, on_timer);
	task_init(&b->work, on_work);
	loop_timer_set(loop, &b->timer, msec_after(clock_ms(), limits->connect_timeout_ms));
	return open_stream(b, limits);
}

struct back_stream *
h1_back_attach(struct h1_back *b, const struct back_limits *limits)
{
	CHECK(b->state == BACK_STATE_IDLE);
	link_remove(&b->link);
	link_remove(&b->age_link);
	b->idle = false;
	b->attach_turn = loop_turn(b->transport.loop);
	b->state = BACK_STATE_HEAD;
	loop_timer_set(b->transport.loop, &b->timer, TIMER_NEVER);
	return open_stream(b, limits);
}

void
h1_back_preface(struct back_stream *s, const void *p, size_t n)
{
	struct h1_back *b = of(s);

	if (transport_tls(&b->transport) != NULL)
		buf_add(&b->preface, p, n);
	else
		chain_add_copy(&b->out, p, n);
}

void
h1_back_close(struct h1_back *b)
{
	close_back(b);
}

void
h1_back_set_idle_deadline(struct h1_back *b, msec deadline_ms)
{
	b->idle_deadline_ms = deadline_ms;
	h1_back_arm(b);
}

struct link *
h1_back_link(struct h1_back *b)
{
	return &b->link;
}

struct h1_back *
h1_back_of_link(struct link *l)
{
	return CONTAINER_OF(l, struct h1_back, link);
}

struct link *
h1_back_age_link(struct h1_back *b)
{
	return &b->age_link;
}

struct h1_back *
h1_back_of_age_link(struct link *l)
{
	return CONTAINER_OF(l, struct h1_back, age_link);
}

bool
h1_back_is_idle(const struct h1_back *b)
{
	return b->idle;
}

unsigned
h1_back_requests(const struct h1_back *b)
{
	return b->requests;
}

msec
h1_back_idle_since(const struct h1_back *b)
{
	return b->idle_since_ms;
}

msec
h1_back_keep_alive_ms(const struct h1_back *b)
{
	return b->keep_alive_ms;
}
