/*
 * h1_stream.c - the calls down of an HTTP/1 stream: writing the response.
 */
#include <errno.h>

#include "base/check.h"
#include "base/log.h"
#include "http/h1_front_internal.h"
#include "net/socket.h"

static struct h1_stream *
of(struct http_stream *base)
{
	return CONTAINER_OF(base, struct h1_stream, base);
}

static void
post(struct h1_stream *s)
{
	loop_post(s->front->transport.loop, &s->front->work);
}

static bool
is_closed(const struct h1_stream *s)
{
	return s->front->state == FRONT_CLOSED;
}

static void
send_info(struct http_stream *base, const struct response *r)
{
	struct h1_stream *s = of(base);

	/* RFC 9110, 15.2: no interim response to an HTTP/1.0 client. */
	if (is_closed(s) || base->request.minor == 0 || base->started)
		return;
	h1_write_response(&s->front->out, r, FRAMING_NONE, 0, H1_DEFAULT);
	post(s);
}

/* How the end of the body will be told: RFC 9112, 6.3. */
static enum out_mode
choose_mode(const struct h1_stream *s, const struct response *r)
{
	if (response_has_no_body(r->status, s->base.request.method_id))
		return OUT_NONE;
	if (r->framing == FRAMING_LENGTH || r->framing == FRAMING_NONE)
		return OUT_LENGTH;
	return s->base.request.minor > 0 ? OUT_CHUNKED : OUT_CLOSE;
}

/* What the head says of the body. */
static enum framing
written_framing(const struct h1_stream *s, const struct response *r)
{
	switch (s->out_mode) {
	case OUT_LENGTH:
		return FRAMING_LENGTH;
	case OUT_CHUNKED:
		return FRAMING_CHUNKED;
	case OUT_NONE:			/* HEAD and 304 tell the length that GET would have */
		return r->framing == FRAMING_LENGTH && r->status != 204 && r->status >= 200 ?
		    FRAMING_LENGTH : FRAMING_NONE;
	default:
		return FRAMING_NONE;
	}
}

static enum h1_connection
written_connection(const struct h1_stream *s)
{
	if (s->close_after)
		return H1_CLOSE;
	return s->base.request.minor == 0 ? H1_KEEP_ALIVE : H1_DEFAULT;
}

static void
send_head(struct http_stream *base, const struct response *r)
{
	struct h1_stream *s = of(base);
	struct h1_front *f = s->front;
	uint64_t length = r->framing == FRAMING_LENGTH ? r->content_length : 0;

	if (is_closed(s))
		return;
	base->started = true;
	if (r->status == 101) {
		h1_write_response(&f->out, r, FRAMING_NONE, 0, H1_UPGRADE);
		post(s);
		return;
	}
	s->out_mode = choose_mode(s, r);
	s->out_left = length;
	if (s->out_mode == OUT_CLOSE || !base->body_done || *f->options->draining)
		s->close_after = true;
	h1_write_response(&f->out, r, written_framing(s, r), length, written_connection(s));
	post(s);
}

static enum flow
send_body(struct http_stream *base, struct chain *moved)
{
	struct h1_stream *s = of(base);
	struct h1_front *f = s->front;
	bool waits;

	if (is_closed(s) || s->out_mode == OUT_NONE) {
		chain_clear(moved);
		return FLOW_OK;
	}
	if (s->out_mode == OUT_LENGTH) {
		CHECK(moved->len <= s->out_left);
		s->out_left -= moved->len;
	}
	base->body_out += moved->len;
	s->queued = true;
	waits = transport_is_blocked(&f->transport, &f->out);
	if (s->out_mode == OUT_CHUNKED)
		h1_write_chunk(&f->out, moved, waits);
	else
		h1_write_body(&f->out, moved, waits);
	post(s);
	return waits || f->out.len >= STREAM_HIGH ? FLOW_FULL : FLOW_QUEUED;
}

static void
abort_stream(struct http_stream *base)
{
	struct h1_stream *s = of(base);
	struct h1_front *f = s->front;

	if (is_closed(s))
		return;
	s->dead = true;
	/* What is complete should arrive; the client sees that the rest is missing by the framing,
	 * and where there is none, by a reset. */
	if (!chain_empty(&f->out) && (f->transport.watcher.ready & READY_WRITE))
		(void)transport_send(&f->transport, &f->out, false);
	h1_front_lost(f, s->out_mode != OUT_CHUNKED && s->out_mode != OUT_LENGTH, NULL);
}

static void
send_end(struct http_stream *base, const struct fields *trailers)
{
	struct h1_stream *s = of(base);

	if (is_closed(s))
		return;
	CHECK(s->out_mode != OUT_LENGTH || s->out_left == 0);
	if (s->out_mode == OUT_CHUNKED)
		h1_write_last_chunk(&s->front->out, trailers);
	s->end_sent = true;
	post(s);
}

static void
want_body(struct http_stream *base, uint64_t bytes)
{
	struct h1_stream *s = of(base);

	if (is_closed(s) || base->body_done)
		return;
	s->credit = s->credit + bytes < s->credit ? UINT64_MAX : s->credit + bytes;
	post(s);
}

static void
find_local(struct http_stream *base)
{
	struct h1_front *f = of(base)->front;

	if (f->state != FRONT_CLOSED)
		socket_local(f->transport.watcher.fd, &f->peer.local);
}

static void
tunnel(struct http_stream *base)
{
	struct h1_stream *s = of(base);

	s->out_mode = OUT_TUNNEL;
	s->close_after = true;
	base->body_done = false;
	h1_body_fini(&s->body);
	h1_body_init(&s->body, FRAMING_CLOSE, 0);
}

/* All bytes are with the kernel; true if the stream goes on. */
static bool
drained_out(struct h1_front *f, struct h1_stream *s)
{
	stall_clear(&s->sending);
	if (!s->end_sent)
		return true;
	if (s->out_mode == OUT_TUNNEL && !s->base.body_done) {
		if (!s->shut)
			transport_shutdown(&f->transport);
		s->shut = true;
		return true;
	}
	h1_front_finish(f);
	return false;
}

/* Sending failed: the client is gone, or the bytes of a file are. */
static void
send_failed(struct h1_front *f)
{
	static const struct refusal shrank =
	    { 0, "file-shrank", "a file became shorter while it was sent" };

	h1_front_lost(f, false, errno == EIO ? &shrank : NULL);
}

void
h1_stream_flush(struct h1_front *f)
{
	struct h1_stream *s = f->stream;
	ssize_t n = 0;

	if (!chain_empty(&f->out) && (f->transport.watcher.ready & READY_WRITE))
		n = transport_send(&f->transport, &f->out,
		    s->end_sent && s->close_after && s->out_mode != OUT_TUNNEL);
	if (n < 0) {
		send_failed(f);
		return;
	}
	s->base.bytes_out += (uint64_t)n;
	if (n > 0)
		s->silent_deadline_ms = TIMER_NEVER;
	chain_pack(&f->out);
	if (chain_empty(&f->out)) {
		if (!drained_out(f, s))
			return;
	} else if (n > 0 || s->sending.check_ms == TIMER_NEVER) {
		stall_progress(&s->sending, s->base.limits->send_timeout_ms);
	}
	if (s->out_mode == OUT_TUNNEL && n > 0)
		s->read_deadline_ms = msec_after(clock_ms(), s->base.limits->tunnel_timeout_ms);
	if (s->queued && chain_empty(&f->out)) {
		s->queued = false;
		if (!s->dead)
			s->base.events->drained(s->base.user);
	}
	if (f->state == FRONT_BUSY)
		h1_front_arm(f);
}

const struct http_stream_ops h1_stream_ops = {
	.send_info = send_info,
	.send_head = send_head,
	.send_body = send_body,
	.send_end = send_end,
	.want_body = want_body,
	.find_local = find_local,
	.tunnel = tunnel,
	.abort = abort_stream,
};
