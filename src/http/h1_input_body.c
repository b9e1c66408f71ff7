/*
 * h1_input_body.c - HTTP/1 connections of clients: request bodies, and tunnels.
 */
#include "base/check.h"
#include "http/h1_front_internal.h"

enum {
	READ_BLOCKS = 4,		/* blocks filled by one read */
	TURN_BYTES = 262144,		/* bytes of one turn; then others get theirs */
	RATE_GRACE_MS = 10000,
};

/* True once a byte of the body has come, be it of the head of a chunk. */
static bool
body_has_begun(const struct h1_stream *s)
{
	return s->base.bytes_in > s->base.request.head_bytes;
}

/*
 * When the client has sent too little: body_timeout after its last byte, or when its average falls
 * below body_min_rate.  The average is taken from the first byte of the body on, so that a client
 * that prepares its upload has all of body_timeout; only time in which we wanted bytes counts.
 */
static void
wait_for_body(struct h1_front *f)
{
	struct h1_stream *s = f->stream;
	const struct stream_limits *limits = s->base.limits;
	msec now = clock_ms(), floor_ms;

	s->read_deadline_ms = TIMER_NEVER;
	if (s->out_mode == OUT_TUNNEL) {
		s->read_deadline_ms = msec_after(now, limits->tunnel_timeout_ms);
	} else if (s->credit > 0 && !s->base.body_done && !s->base.started) {
		if (s->wanted_since_ms == 0 && body_has_begun(s))
			s->wanted_since_ms = now;
		s->read_deadline_ms = msec_after(now, limits->body_timeout_ms);
		if (limits->body_min_rate > 0 && body_has_begun(s)) {
			floor_ms = (msec)(s->body.received * 1000 / limits->body_min_rate);
			if (floor_ms < RATE_GRACE_MS)
				floor_ms = RATE_GRACE_MS;
			floor_ms += s->wanted_since_ms - s->wanted_ms;
			if (floor_ms < s->read_deadline_ms)
				s->read_deadline_ms = floor_ms;
		}
	} else if (s->wanted_since_ms != 0) {
		s->wanted_ms += now - s->wanted_since_ms;
		s->wanted_since_ms = 0;
	}
	h1_front_arm(f);
}

bool
h1_front_wants_body(const struct h1_front *f)
{
	const struct h1_stream *s = f->stream;

	return f->state == FRONT_BUSY && s->credit > 0 && !s->base.body_done;
}

/* Hands decoded bytes up; false if the stream is over. */
static bool
deliver(struct h1_front *f, struct h1_stream *s, struct chain *moved, enum h1_body_result r)
{
	static const struct refusal bad = { 400, "bad-request", "a malformed chunked body" };

	s->credit -= moved->len < s->credit ? moved->len : s->credit;
	if (!chain_empty(moved)) {
		s->silent_deadline_ms = TIMER_NEVER;
		s->base.events->body(s->base.user, moved);
	}
	chain_clear(moved);
	if (f->state != FRONT_BUSY || s->dead || s->base.body_done)
		return false;
	if (r == H1_BODY_BAD) {
		h1_front_gone(f, &bad);
		return false;
	}
	if (r == H1_BODY_END) {
		struct fields *trailers = NULL;

		s->base.body_done = true;
		/* The client's end may have come along: over TLS nothing else would find it. */
		loop_post(f->transport.loop, &f->work);
		if (h1_body_has_trailers(&s->body) && (trailers = h1_parse_trailers(
		    buf_view(&s->body.trailers), &s->base.arena)) == NULL)
			h1_front_gone(f, &bad);
		else
			s->base.events->end(s->base.user, trailers);
		return false;
	}
	return true;
}

/* Body bytes that came along with the head. */
static bool
take_buffered(struct h1_front *f, struct h1_stream *s)
{
	struct chain body;
	enum h1_body_result r;
	size_t n = h1_front_buffered(f), used;

	chain_init(&body);
	if (n > s->credit)
		n = s->credit;
	r = h1_body_decode(&s->body, f->in, h1_front_unread(f), n, &body, &used);
	f->pos += (uint32_t)used;
	s->base.bytes_in += used;
	if (h1_front_buffered(f) == 0)
		h1_front_drop_input(f);
	return deliver(f, s, &body, r);
}

/* The end or failure of the client's side while its body is wanted. */
static void
body_cut(struct h1_front *f, ssize_t result)
{
	static const struct refusal cut = { 400, "client-closed", "the request body is cut" };
	struct h1_stream *s = f->stream;

	if (s->out_mode == OUT_TUNNEL && result == IO_EOF) {
		s->base.body_done = true;
		loop_post(f->transport.loop, &f->work);
		s->base.events->end(s->base.user, NULL);
	} else if (result == IO_EOF) {
		h1_front_gone(f, &cut);
	} else {
		h1_front_lost(f, false, NULL);
	}
}

/* Reads into fresh blocks, never past the end of a body whose length is known. */
static ssize_t
read_blocks(struct h1_front *f, struct h1_stream *s, struct block **blocks, int *n)
{
	struct iovec iov[READ_BLOCKS];
	uint64_t most = h1_body_left(&s->body);
	ssize_t got;
	int max = s->body.framing == FRAMING_CHUNKED ? 1 : READ_BLOCKS;

	if (s->credit < most)
		most = s->credit;
	for (*n = 0; *n < max && most > 0; (*n)++) {
		size_t len = most < BLOCK_SIZE ? most : BLOCK_SIZE;

		blocks[*n] = block_new(BLOCK_SIZE);
		iov[*n] = (struct iovec){ blocks[*n]->data, len };
		most -= len;
	}
	got = transport_recv(&f->transport, iov, *n);
	for (int i = 0; i < *n && got > 0; i++)
		blocks[i]->used = (uint32_t)iov[i].iov_len;
	return got;
}

static bool
read_body(struct h1_front *f, struct h1_stream *s)
{
	struct block *blocks[READ_BLOCKS];
	struct chain body;
	enum h1_body_result r = H1_BODY_MORE;
	ssize_t got, rest;
	int n;

	chain_init(&body);
	got = rest = read_blocks(f, s, blocks, &n);
	for (int i = 0; i < n; i++) {
		size_t len = rest > (ssize_t)blocks[i]->used ? blocks[i]->used : (size_t)rest;
		size_t used = 0;

		if (rest > 0)
			r = h1_body_decode(&s->body, blocks[i], blocks[i]->data, len, &body, &used);
		if (rest > 0 && used < len) {
			f->in = block_ref(blocks[i]);	/* the next request */
			f->pos = (uint32_t)used;
			f->end = (uint32_t)len;
		}
		rest -= (ssize_t)len;
		s->base.bytes_in += used;
		block_unref(blocks[i]);
	}
	if (got > 0)
		return deliver(f, s, &body, r);
	if (got != IO_AGAIN)
		body_cut(f, got);
	return false;
}

/* Moves a large body by splice where everybody on its way takes pipes. */
static bool
splice_body(struct h1_front *f, struct h1_stream *s)
{
	uint64_t most = h1_body_left(&s->body);
	struct pipe *p = pipe_take();
	struct chain body;
	ssize_t n;

	if (p == NULL)
		return read_body(f, s);
	n = transport_splice(&f->transport, p, most < PIPE_BYTES ? most : PIPE_BYTES);
	if (n <= 0) {
		pipe_give(p);
		if (n != IO_AGAIN)
			body_cut(f, n);
		return false;
	}
	chain_init(&body);
	chain_add_pipe(&body, p, (size_t)n, pipe_release);
	s->base.bytes_in += (uint64_t)n;
	return deliver(f, s, &body, h1_body_skip(&s->body, (uint64_t)n));
}

static bool
can_splice(const struct h1_front *f, const struct h1_stream *s)
{
	return (s->base.sink_takes & SEG_PIPE) && transport_can_splice(&f->transport) &&
	    s->body.framing != FRAMING_CHUNKED && s->credit >= SPLICE_MIN &&
	    h1_body_left(&s->body) >= SPLICE_MIN;
}

void
h1_front_input_body(struct h1_front *f)
{
	struct h1_stream *s = f->stream;
	bool more = true;

	while (more && f->turn_bytes < TURN_BYTES && h1_front_wants_body(f)) {
		uint64_t before = s->body.received;

		if (f->in != NULL)
			more = take_buffered(f, s);
		else if (!(f->transport.watcher.ready & READY_READ))
			break;
		else if (can_splice(f, s))
			more = splice_body(f, s);
		else
			more = read_body(f, s);
		f->turn_bytes += s->body.received - before;
	}
	if (f->state != FRONT_BUSY)
		return;
	if (f->turn_bytes >= TURN_BYTES)
		loop_yield(f->transport.loop, &f->transport.watcher);
	wait_for_body(f);
}

