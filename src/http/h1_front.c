/*
 * h1_front.c - HTTP/1 connections of clients: the life of a connection.
 */
#include "http/h1_front.h"

#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/h1_front_internal.h"

enum {
	BURST = 16,			/* pipelined requests served in one turn */
	LINGER_MS = 5000,
};

void
h1_front_set_timer(struct h1_front *f, msec deadline)
{
	loop_timer_set(f->transport.loop, &f->timer, deadline);
}

static void
free_stream(struct h1_front *f)
{
	struct h1_stream *s = f->stream;
	struct arena arena;

	if (s == NULL)
		return;
	f->stream = NULL;
	h1_body_fini(&s->body);
	arena = s->base.arena;		/* the stream lives in its own arena */
	arena_fini(&arena);
}

static void
free_front(struct garbage *g)
{
	struct h1_front *f = CONTAINER_OF(g, struct h1_front, garbage);

	free_stream(f);
	mem_free(f);
}

/* Lets go of everything but the stream's memory, which callers up the stack may still use. */
void
h1_front_close(struct h1_front *f, bool reset)
{
	if (f->state == FRONT_CLOSED)
		return;
	h1_front_tell_tls(f);
	f->state = FRONT_CLOSED;
	transport_close(&f->transport, reset);
	loop_timer_cancel(f->transport.loop, &f->timer);
	task_cancel(&f->work);
	chain_clear(&f->out);
	block_unref(f->in);
	f->in = NULL;
	mem_free(f->scan);
	f->scan = NULL;
	f->options->on_close(f->options->arg, f);
	loop_discard(f->transport.loop, &f->garbage, free_front);
}

void
h1_front_gone(struct h1_front *f, const struct refusal *refusal)
{
	struct h1_stream *s = f->stream;

	if (s->dead)
		return;
	if (refusal->status == 0 || s->base.started) {
		h1_front_lost(f, s->out_mode == OUT_CLOSE, refusal);
		return;
	}
	s->close_after = true;
	s->base.body_done = true;	/* nothing more will be read */
	s->credit = 0;
	s->base.events->gone(s->base.user, refusal);
}

void
h1_front_lost(struct h1_front *f, bool reset, const struct refusal *refusal)
{
	static const struct refusal closed =
	    { 0, "client-closed", "the client closed the connection" };
	struct h1_stream *s = f->stream;

	if (f->state == FRONT_CLOSED)
		return;
	h1_front_close(f, reset);
	if (s != NULL && !s->dead) {
		s->dead = true;
		s->base.events->gone(s->base.user, refusal != NULL ? refusal : &closed);
	}
}

/* Whether nothing is under way in either direction: what waits to be sent, or to be read, has
 * timeouts of its own. */
static bool
is_silent(const struct h1_front *f, const struct h1_stream *s)
{
	return s->out_mode != OUT_TUNNEL && chain_empty(&f->out) &&
	    (s->base.body_done || s->base.started);
}

void
h1_front_arm(struct h1_front *f)
{
	struct h1_stream *s = f->stream;
	msec next = s->read_deadline_ms < s->sending.check_ms ?
	    s->read_deadline_ms : s->sending.check_ms;

	if (h1_front_half_closed(f)) {
		if (!is_silent(f, s))
			s->silent_deadline_ms = TIMER_NEVER;
		else if (s->silent_deadline_ms == TIMER_NEVER)
			s->silent_deadline_ms =
			    msec_after(clock_ms(), s->base.limits->half_close_timeout_ms);
		if (s->silent_deadline_ms < next)
			next = s->silent_deadline_ms;
	}
	h1_front_set_timer(f, next);
}

static void
busy_timeout(struct h1_front *f)
{
	static const struct refusal send_slow = { 0, "send-timeout", "the client does not read" };
	static const struct refusal body_slow =
	    { 408, "body-timeout", "the request body is too slow" };
	static const struct refusal tunnel_idle = { 0, "tunnel-timeout", "an idle tunnel" };
	struct h1_stream *s = f->stream;
	msec now = clock_ms();

	if (s->sending.check_ms <= now &&
	    stall_is_over(&s->sending, &f->transport, s->base.limits->send_timeout_ms)) {
		h1_front_lost(f, true, &send_slow);
	} else if (s->read_deadline_ms <= now) {
		s->read_deadline_ms = TIMER_NEVER;
		if (s->out_mode == OUT_TUNNEL)
			h1_front_lost(f, false, &tunnel_idle);
		else
			h1_front_gone(f, &body_slow);
	} else if (s->silent_deadline_ms <= now) {
		h1_front_lost(f, s->out_mode == OUT_CLOSE, NULL);
	} else {
		h1_front_arm(f);
	}
}

static void
on_timer(struct timer *t)
{
	static const struct refusal slow =
	    { 408, "header-timeout", "the request head is too slow" };
	struct h1_front *f = CONTAINER_OF(t, struct h1_front, timer);

	switch (f->state) {
	case FRONT_HANDSHAKE:
		h1_front_handshake_timeout(f);
		break;
	case FRONT_HEAD:
		h1_front_begin(f, f->scan, &slow);
		break;
	case FRONT_BUSY:
		busy_timeout(f);
		break;
	default:
		h1_front_close(f, false);
		break;
	}
}

void
h1_front_look(struct h1_front *f)
{
	if (f->state == FRONT_BUSY && f->stream->base.body_done &&
	    transport_look(&f->transport) == IO_ERROR)
		h1_front_lost(f, false, NULL);
}

/* Whether the client is still there; else the connection is closed. */
static bool
is_there(struct h1_front *f)
{
	h1_front_look(f);
	/* Where our side of a tunnel is shut, the end of the client's is no error. */
	if (f->state == FRONT_BUSY && (f->transport.watcher.ready & READY_ERROR) &&
	    !f->stream->shut)
		h1_front_lost(f, false, NULL);
	return f->state != FRONT_CLOSED;
}

static void
on_ready(struct watcher *w)
{
	struct h1_front *f = CONTAINER_OF(w, struct h1_front, transport.watcher);

	f->burst = 0;
	f->turn_bytes = 0;
	if (f->state == FRONT_HANDSHAKE) {
		h1_front_handshake(f);
		return;
	}
	if (!is_there(f))
		return;
	if ((w->ready & READY_WRITE) && !chain_empty(&f->out))
		loop_post(f->transport.loop, &f->work);
	/* After a yield, bytes that have been read already may be all that there is to do. */
	if ((w->ready & READY_READ) || f->in != NULL)
		h1_front_input(f);
	if (f->state == FRONT_BUSY && h1_front_half_closed(f))
		h1_front_arm(f);
}

static void
on_work(struct task *t)
{
	struct h1_front *f = CONTAINER_OF(t, struct h1_front, work);

	if (f->state == FRONT_BUSY && h1_front_wants_body(f))
		h1_front_input(f);
	if (is_there(f) && f->state == FRONT_BUSY)
		h1_stream_flush(f);
}

void
h1_front_linger(struct h1_front *f)
{
	f->state = FRONT_LINGER;
	h1_front_drop_input(f);
	transport_shutdown(&f->transport);
	h1_front_set_timer(f, clock_ms() + LINGER_MS);
	if (f->transport.watcher.ready & READY_READ)
		h1_front_input(f);
}

/* Bytes that we did not read would make the kernel send a reset, which can destroy the response on
 * its way: RFC 9112, 9.6. */
static bool
has_unread(const struct h1_front *f, bool body_done)
{
	return !body_done || (f->transport.watcher.ready & READY_READ) ||
	    h1_front_buffered(f) > 0;		/* who pipelines may be sending more */
}

void
h1_front_finish(struct h1_front *f)
{
	struct h1_stream *s = f->stream;
	bool unread_bytes = has_unread(f, h1_body_at_end(&s->body) && s->base.refusal.status == 0);
	bool close_after = s->close_after;

	if (!s->dead) {
		s->dead = true;
		s->base.events->done(s->base.user);
	}
	if (f->state == FRONT_CLOSED)
		return;
	free_stream(f);
	if (close_after && unread_bytes) {
		h1_front_linger(f);
		return;
	}
	if (close_after) {
		h1_front_close(f, false);
		return;
	}
	f->state = FRONT_IDLE;
	h1_front_set_timer(f, msec_after(clock_ms(), f->options->keepalive_timeout_ms));
	if (f->in != NULL && h1_front_buffered(f) == 0)
		h1_front_drop_input(f);
	if (f->in == NULL && !(f->transport.watcher.ready & READY_READ))
		return;
	f->head_start_us = clock_us();
	if (f->burst >= BURST)
		loop_yield(f->transport.loop, &f->transport.watcher);
	else
		h1_front_input(f);
}

struct h1_front *
h1_front_open(struct loop *loop, int fd, const struct sockaddr *peer,
    const struct h1_front_options *options)
{
	struct h1_front *f = MEM_NEW(struct h1_front);

	f->options = options;
	chain_init(&f->out);
	timer_init(&f->timer, on_timer);
	task_init(&f->work, on_work);
	ip_port_from(&f->peer.peer, peer);
	f->peer.client = f->peer.peer;
	f->state = options->proxy_protocol ? FRONT_PROXY : FRONT_IDLE;
	if (transport_open_plain(&f->transport, loop, fd, on_ready) < 0) {
		log_warn("client: epoll_ctl: %m");
		close(fd);
		mem_free(f);
		return NULL;
	}
	/* TCP_DEFER_ACCEPT: the request is there already, so read it before the first wait. */
	f->transport.watcher.ready = READY_READ | READY_WRITE;
	if (options->tls != NULL && !options->proxy_protocol)
		h1_front_start_tls(f, STR_OF(""));
	h1_front_set_timer(f, msec_after(clock_ms(), options->tls != NULL ?
	    options->handshake_timeout_ms : options->header_timeout_ms));
	h1_front_input(f);
	return f;
}
