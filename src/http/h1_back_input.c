/*
 * h1_back_input.c - HTTP/1 connections to servers: responses.
 */
#include <errno.h>

#include "base/check.h"
#include "base/mem.h"
#include "http/h1_back_internal.h"

enum {
	MAX_INTERIM_BYTES = 65536,	/* interim responses to one request, all together */
	MAX_FIELDS = 1000,
	READ_BLOCKS = 4,
	TURN_BYTES = 262144,
};

static size_t
buffered(const struct h1_back *b)
{
	return b->end - b->pos;
}

static void
drop_input(struct h1_back *b)
{
	block_unref(b->in);
	b->in = NULL;
	b->pos = b->end = 0;
}

static void
make_room(struct h1_back *b)
{
	size_t n = buffered(b);
	struct block *block;

	if (b->in != NULL && b->end < b->in->size)
		return;
	block = block_new(n * 2 > BLOCK_SIZE ? n * 2 : BLOCK_SIZE);
	if (n > 0)
		memcpy(block->data, b->in->data + b->pos, n);
	block_unref(b->in);
	b->in = block;
	b->pos = 0;
	b->end = (uint32_t)n;
}

/* Reads once for a head; false if there is nothing to work with. */
static bool
read_head(struct h1_back *b)
{
	struct iovec iov;
	ssize_t n;

	if (!(b->transport.watcher.ready & READY_READ))
		return false;
	make_room(b);
	iov = (struct iovec){ b->in->data + b->end, b->in->size - b->end };
	errno = 0;
	n = transport_recv(&b->transport, &iov, 1);
	if (n > 0) {
		b->end += (uint32_t)n;
		b->stream.bytes_in += (uint64_t)n;
		b->stream.got_bytes = true;
		return true;
	}
	if (n != IO_AGAIN)
		h1_back_lost(b, "response");
	else if (buffered(b) == 0)
		drop_input(b);
	return false;
}

/* A byte that belongs to no response, or the end.  Reads that stopped at the end of a body have not
 * looked any further; all others have emptied the socket. */
static bool
has_more(struct h1_back *b)
{
	char byte;
	struct iovec iov = { &byte, 1 };

	return (b->transport.watcher.ready & READY_READ) &&
	    transport_recv(&b->transport, &iov, 1) != IO_AGAIN;
}

/*
 * The exchange is complete on our side.  The connection serves another request only if everything
 * went by the book: request sent whole, response framed and kept open by the server, no byte more.
 */
static void
finish(struct h1_back *b, const struct fields *trailers)
{
	bool keep = b->keep && b->end_sent && chain_empty(&b->out) && !b->send_failed &&
	    (b->in == NULL || buffered(b) == 0) &&
	    !(b->transport.watcher.ready & (READY_EOF | READY_ERROR)) && !has_more(b);

	b->over = true;
	drop_input(b);
	h1_body_fini(&b->body);
	if (keep) {
		b->state = BACK_STATE_IDLE;
		b->idle_since_ms = clock_ms();
		b->interim_bytes = 0;
	}
	b->stream.events->end(b->stream.user, trailers);
	if (b->state == BACK_STATE_IDLE) {
		b->idle = true;
		b->owner->idle(b->owner, b);
	} else {
		h1_back_close(b);
	}
}

static bool
begin_body(struct h1_back *b, const struct response *r)
{
	b->keep = r->keep_alive;
	b->keep_alive_ms = r->keep_alive_ms;
	if (r->status == 101) {
		if (b->state == BACK_STATE_HEAD) {	/* tunnel() has not been called yet */
			b->state = BACK_STATE_SWITCH;
			h1_back_arm(b);
		}
		return true;
	}
	b->state = BACK_STATE_BODY;
	if (response_has_no_body(r->status, b->stream.request->method_id))
		h1_body_init(&b->body, FRAMING_NONE, 0);
	else
		h1_body_init(&b->body, r->framing, r->content_length);
	if (h1_body_at_end(&b->body)) {
		finish(b, NULL);
		return false;
	}
	h1_back_arm(b);
	return true;
}

/* Whether a head that is complete says 1xx, but not 101, after which no other head comes. */
static bool
is_interim(const char *head, const struct h1_scan *scan)
{
	struct str line = str_make(head, scan->start_line_end);

	return line.n >= 12 && line.p[9] == '1' && !str_eq(str_make(line.p + 9, 3), STR_OF("101"));
}

/* Takes a complete head from the input into `r`; false if it is bad, and the stream has failed.
 * Its text moves to the arena: else a block would have to stay as long as the exchange. */
static bool
take_head(struct h1_back *b, const struct h1_scan *scan, struct arena *arena, struct response *r)
{
	struct str head = arena_str(arena, str_make(b->in->data + b->pos, scan->pos));
	struct refusal refusal;

	if (!h1_parse_response(head.p, scan, arena, r, &refusal) ||
	    !response_check(r, b->stream.request, &refusal)) {
		h1_back_failed(b, BACK_BAD_RESPONSE, refusal.text);
		return false;
	}
	b->pos += (uint32_t)scan->pos;
	mem_free(b->scan);
	b->scan = NULL;
	return true;
}

/* A complete interim head, of which nothing is kept; true if reading goes on. */
static bool
use_interim_head(struct h1_back *b, const struct h1_scan *scan)
{
	struct arena arena;
	struct response r = { 0 };

	arena_init(&arena);
	if (take_head(b, scan, &arena, &r)) {
		b->interim_bytes += r.head_bytes;
		b->stream.events->info(b->stream.user, &r);
	}
	arena_fini(&arena);
	return b->state == BACK_STATE_HEAD;
}

/* A complete head; true if reading goes on. */
static bool
use_head(struct h1_back *b, const struct h1_scan *scan)
{
	struct response *r = ARENA_NEW(b->stream.arena, struct response);
	struct response received;

	if (!take_head(b, scan, b->stream.arena, r))
		return false;
	CHECK(r->status >= 200 || r->status == 101);
	received = *r;			/* filters may change its framing */
	b->stream.events->head(b->stream.user, r);
	if (b->state == BACK_STATE_CLOSED)
		return false;
	return begin_body(b, &received);
}

/* Looks for a head in the bytes there are; true if reading goes on. */
static bool
parse_head(struct h1_back *b)
{
	struct h1_scan fresh = { 0 };
	struct h1_scan *scan = b->scan != NULL ? b->scan : &fresh;
	const struct h1_limits limits = { b->stream.limits->max_head, b->stream.limits->max_head,
		MAX_FIELDS, b->owner->bare_lf ? H1_BARE_LF_ACCEPT : H1_BARE_LF_REJECT };
	struct refusal refusal;

	switch (h1_scan_head(scan, b->in->data + b->pos, buffered(b), &limits, &refusal)) {
	case H1_SCAN_DONE:
		if (b->interim_bytes > MAX_INTERIM_BYTES) {
			h1_back_failed(b, BACK_BAD_RESPONSE, "too many interim responses");
			return false;
		}
		return is_interim(b->in->data + b->pos, scan) ? use_interim_head(b, scan) :
		    use_head(b, scan);
	case H1_SCAN_BAD:
		h1_back_failed(b, BACK_BAD_RESPONSE, refusal.text);
		return false;
	default:
		break;
	}
	if (b->scan == NULL) {
		b->scan = mem_alloc(sizeof(fresh));
		*b->scan = fresh;
	}
	return read_head(b);
}

static void
input_head(struct h1_back *b)
{
	bool more = b->in != NULL && buffered(b) > 0 ? true : read_head(b);

	while (more && b->state == BACK_STATE_HEAD)
		more = buffered(b) > 0 ? parse_head(b) : read_head(b);
}

/* --- bodies -------------------------------------------------------------------------------- */

/* Hands decoded bytes up; false if nothing more is to be done. */
static bool
deliver(struct h1_back *b, struct chain *moved, enum h1_body_result r)
{
	b->credit -= moved->len < b->credit ? moved->len : b->credit;
	if (!chain_empty(moved))
		b->stream.events->body(b->stream.user, moved);
	chain_clear(moved);
	if (b->state == BACK_STATE_CLOSED)
		return false;
	if (r == H1_BODY_BAD) {
		h1_back_failed(b, BACK_BAD_RESPONSE, "a malformed chunked body");
		return false;
	}
	if (r == H1_BODY_END) {
		struct fields *trailers = NULL;

		if (h1_body_has_trailers(&b->body) && (trailers = h1_parse_trailers(
		    buf_view(&b->body.trailers), b->stream.arena)) == NULL)
			h1_back_failed(b, BACK_BAD_RESPONSE, "malformed trailers");
		else
			finish(b, trailers);
		return false;
	}
	return true;
}

static bool
take_buffered(struct h1_back *b)
{
	struct chain body;
	enum h1_body_result r;
	size_t n = buffered(b), used;

	chain_init(&body);
	if (n > b->credit)
		n = b->credit;
	r = h1_body_decode(&b->body, b->in, b->in->data + b->pos, n, &body, &used);
	b->pos += (uint32_t)used;
	if (buffered(b) == 0)
		drop_input(b);
	return deliver(b, &body, r);
}

/* The server's side ended or broke. */
static void
body_cut(struct h1_back *b, ssize_t result)
{
	/* After a failed send this may be a reset, whose error that call has seen already. */
	if (result == IO_EOF && b->body.framing == FRAMING_CLOSE && !b->send_failed) {
		if (b->state != BACK_STATE_TUNNEL) {
			finish(b, NULL);
			return;
		}
		b->eof = true;
		b->stream.events->end(b->stream.user, NULL);
		return;
	}
	h1_back_lost(b, "response body");
}

static bool
read_body(struct h1_back *b)
{
	struct block *blocks[READ_BLOCKS];
	struct iovec iov[READ_BLOCKS];
	struct chain body;
	enum h1_body_result r = H1_BODY_MORE;
	uint64_t most = h1_body_left(&b->body);
	ssize_t got, rest;
	int n;

	if (b->credit < most)
		most = b->credit;
	for (n = 0; n < READ_BLOCKS && most > 0; n++) {
		size_t len = most < BLOCK_SIZE ? most : BLOCK_SIZE;

		blocks[n] = block_new(BLOCK_SIZE);
		iov[n] = (struct iovec){ blocks[n]->data, len };
		most -= len;
	}
	chain_init(&body);
	errno = 0;
	got = rest = transport_recv(&b->transport, iov, n);
	for (int i = 0; i < n; i++) {
		size_t len = rest > (ssize_t)iov[i].iov_len ? iov[i].iov_len : (size_t)rest;
		size_t used = 0;

		if (rest > 0 && r == H1_BODY_MORE)
			r = h1_body_decode(&b->body, blocks[i], blocks[i]->data, len, &body, &used);
		if (rest > 0 && used < len)
			b->keep = false;	/* bytes that belong to no response */
		rest -= (ssize_t)len;
		block_unref(blocks[i]);
	}
	if (got > 0) {
		b->stream.bytes_in += (uint64_t)got;
		return deliver(b, &body, r);
	}
	if (got != IO_AGAIN)
		body_cut(b, got);
	return false;
}

static bool
splice_body(struct h1_back *b)
{
	uint64_t most = h1_body_left(&b->body);
	struct pipe *p = pipe_take();
	struct chain body;
	ssize_t n;

	if (p == NULL)
		return read_body(b);
	errno = 0;
	n = transport_splice(&b->transport, p, most < PIPE_BYTES ? most : PIPE_BYTES);
	if (n <= 0) {
		pipe_give(p);
		if (n != IO_AGAIN)
			body_cut(b, n);
		return false;
	}
	chain_init(&body);
	chain_add_pipe(&body, p, (size_t)n, pipe_release);
	b->stream.bytes_in += (uint64_t)n;
	return deliver(b, &body, h1_body_skip(&b->body, (uint64_t)n));
}

static bool
can_splice(const struct h1_back *b)
{
	return (b->stream.sink_takes & SEG_PIPE) && transport_can_splice(&b->transport) &&
	    b->body.framing != FRAMING_CHUNKED && b->credit >= SPLICE_MIN &&
	    h1_body_left(&b->body) >= SPLICE_MIN;
}

static void
input_body(struct h1_back *b)
{
	bool more = b->turn_bytes < TURN_BYTES;

	while (more && b->credit > 0 && !b->over && !b->eof) {
		uint64_t before = b->body.received;

		if (b->in != NULL && buffered(b) > 0)
			more = take_buffered(b);
		else if (!(b->transport.watcher.ready & READY_READ))
			break;
		else
			more = can_splice(b) ? splice_body(b) : read_body(b);
		b->turn_bytes += b->body.received - before;
		more = more && b->turn_bytes < TURN_BYTES;
	}
	if (b->state != BACK_STATE_BODY && b->state != BACK_STATE_TUNNEL)
		return;
	if (b->turn_bytes >= TURN_BYTES)
		loop_yield(b->transport.loop, &b->transport.watcher);
	h1_back_arm(b);
}

void
h1_back_input(struct h1_back *b)
{
	if (b->state == BACK_STATE_HEAD)
		input_head(b);
	if (b->state == BACK_STATE_SWITCH && (b->transport.watcher.ready & READY_ERROR)) {
		errno = 0;
		h1_back_lost(b, "switch of protocols");
	}
	if (b->state == BACK_STATE_BODY || b->state == BACK_STATE_TUNNEL)
		input_body(b);
}
