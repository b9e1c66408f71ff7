/*
 * h1_input.c - HTTP/1 connections of clients: what they send.
 */
#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/h1_front_internal.h"
#include "http/odd_names.h"
#include "net/proxy_header.h"

enum {
	MAX_LEADING_CRLF = 8,		/* RFC 9112, 2.2: at least one is to be ignored */
	DISCARDS = 4,			/* reads of a lingering connection in one turn */
};

void
h1_front_drop_input(struct h1_front *f)
{
	block_unref(f->in);
	f->in = NULL;
	f->pos = f->end = 0;
}

/* Makes room behind the bytes of an incomplete head, which stays in one piece. */
static void
make_room(struct h1_front *f)
{
	size_t n = f->in != NULL ? h1_front_buffered(f) : 0;
	struct block *b;

	if (f->in != NULL && f->end < f->in->size)
		return;
	b = block_new(n * 2 > BLOCK_SIZE ? n * 2 : BLOCK_SIZE);
	if (n > 0)
		memcpy(b->data, h1_front_unread(f), n);
	block_unref(f->in);
	f->in = b;
	f->pos = 0;
	f->end = (uint32_t)n;
}

/* Reads once; false if there is nothing (more) to work with. */
static bool
read_some(struct h1_front *f)
{
	struct iovec iov;
	ssize_t n;

	if (!(f->transport.watcher.ready & READY_READ))
		return false;
	make_room(f);
	iov = (struct iovec){ f->in->data + f->end, f->in->size - f->end };
	n = transport_recv(&f->transport, &iov, 1);
	if (n > 0) {
		if (f->state == FRONT_IDLE && h1_front_buffered(f) == 0)
			f->head_start_us = clock_us();
		f->end += (uint32_t)n;
		return true;
	}
	if (h1_front_buffered(f) == 0)
		h1_front_drop_input(f);
	if (n == IO_AGAIN)
		return false;
	if (f->state == FRONT_HEAD && n == IO_EOF) {
		static const struct refusal cut = { 400, "client-closed", "the head is cut" };

		h1_front_begin(f, f->scan, &cut);
		return false;
	}
	h1_front_close(f, false);
	return false;
}

bool
h1_front_read(const struct h1_front_options *o, const char *head, const struct h1_scan *scan,
    struct http_stream *s)
{
	struct request *r = &s->request;

	if (!h1_parse_request(head, scan, &s->arena, r, &s->refusal) ||
	    !request_check(r, &s->arena, &s->refusal))
		return false;
	if (o->strict_names)
		odd_names_drop(&r->fields);
	return true;
}

/* A refused head is taken apart as far as it goes, for the log. */
static void
salvage_request(struct h1_front *f, struct h1_stream *s, const struct h1_scan *scan)
{
	struct request *r = &s->base.request;
	struct str line, method;
	size_t n = h1_front_buffered(f);

	if (scan != NULL && scan->start_line_end > 0)
		n = scan->start_line_end;
	if (n == 0)
		return;
	line = str_make(h1_front_unread(f), n);
	if (str_cut(&line, ' ', &method) && str_all(method, CHAR_TOKEN) && line.p != NULL) {
		r->method = arena_str(&s->base.arena, method);
		r->method_id = method_lookup(method);
		str_cut(&line, ' ', &r->raw_target);
		if (r->raw_target.n > f->options->limits.max_line)
			r->raw_target.n = f->options->limits.max_line;
		r->raw_target = arena_str(&s->base.arena, r->raw_target);
	}
}

static struct h1_stream *
new_stream(struct h1_front *f)
{
	struct arena arena;
	struct h1_stream *s;

	arena_init(&arena);
	s = ARENA_NEW(&arena, struct h1_stream);
	s->base.arena = arena;
	s->base.ops = &h1_stream_ops;
	s->base.peer = &f->peer;
	s->base.limits = &f->options->stream_limits;
	s->base.takes = f->transport.ops->kinds;
	s->base.start_us = f->head_start_us;
	s->base.request.minor = 1;
	fields_init(&s->base.request.fields, &s->base.arena);
	s->front = f;
	s->read_deadline_ms = s->silent_deadline_ms = TIMER_NEVER;
	stall_clear(&s->sending);
	return s;
}

/* The head moves to the arena: a request that waits for long shall not keep a whole block. */
static void
take_head(struct h1_front *f, struct h1_stream *s, const struct h1_scan *scan)
{
	struct str head = arena_str(&s->base.arena, str_make(h1_front_unread(f), scan->pos));

	if (!h1_front_read(f->options, head.p, scan, &s->base))
		return;
	f->pos += (uint32_t)scan->pos;
	if (h1_front_buffered(f) == 0)
		h1_front_drop_input(f);
}

/*
 * Opens a stream: for the complete head that `scan` describes, or for a bad one, `refusal` telling
 * what to answer.  After a bad one the connection is not read any more.
 */
void
h1_front_begin(struct h1_front *f, const struct h1_scan *scan, const struct refusal *refusal)
{
	struct h1_stream *s = new_stream(f);
	struct request *r = &s->base.request;

	f->stream = s;
	f->state = FRONT_BUSY;
	f->peer.requests++;
	f->burst++;
	f->empty_lines = 0;
	if (refusal != NULL)
		s->base.refusal = *refusal;
	else
		take_head(f, s, scan);
	if (s->base.refusal.status != 0) {
		salvage_request(f, s, scan);
		r->framing = FRAMING_NONE;
		r->keep_alive = false;
	}
	s->base.bytes_in = refusal == NULL ? scan->pos : h1_front_buffered(f);
	mem_free(f->scan);
	f->scan = NULL;
	h1_body_init(&s->body, r->framing, r->content_length);
	s->base.body_done = h1_body_at_end(&s->body);
	s->close_after = !r->keep_alive || f->peer.requests >= f->options->keepalive_requests;
	h1_front_set_timer(f, TIMER_NEVER);
	f->options->on_stream(f->options->arg, &s->base);
	/* No event will tell of an end that has come already. */
	h1_front_look(f);
	if (f->state == FRONT_BUSY && h1_front_half_closed(f))
		h1_front_arm(f);
}

/* Skips empty lines before a request; false if the bytes there are not enough to tell. */
static bool
skip_empty_lines(struct h1_front *f)
{
	while (f->empty_lines < MAX_LEADING_CRLF && h1_front_buffered(f) > 0 &&
	    h1_front_unread(f)[0] == '\r') {
		if (h1_front_buffered(f) == 1)
			return false;
		if (h1_front_unread(f)[1] != '\n')
			break;
		f->pos += 2;
		f->empty_lines++;
	}
	return h1_front_buffered(f) > 0;
}

/* Looks for a head in the bytes there are; true if a stream was opened. */
static bool
parse_head(struct h1_front *f)
{
	struct h1_scan fresh = { 0 };
	struct h1_scan *scan = f->scan != NULL ? f->scan : &fresh;
	struct refusal refusal;
	enum h1_scan_result r;

	if (f->scan == NULL && !skip_empty_lines(f))
		return false;
	r = h1_scan_head(scan, h1_front_unread(f), h1_front_buffered(f), &f->options->limits,
	    &refusal);
	if (r != H1_SCAN_MORE) {
		h1_front_begin(f, scan, r == H1_SCAN_BAD ? &refusal : NULL);
		return true;
	}
	if (f->scan == NULL) {
		f->scan = mem_alloc(sizeof(fresh));
		*f->scan = fresh;
		f->state = FRONT_HEAD;
		h1_front_set_timer(f,
		    msec_after(f->head_start_us / 1000, f->options->header_timeout_ms));
	}
	return false;
}

static void
input_head(struct h1_front *f)
{
	do {
		if (f->in != NULL && h1_front_buffered(f) > 0 && parse_head(f))
			return;
	} while ((f->state == FRONT_IDLE || f->state == FRONT_HEAD) && read_some(f));
	if (f->state == FRONT_IDLE && f->in != NULL && h1_front_buffered(f) == 0)
		h1_front_drop_input(f);
}

/* The header that tells who the client is; only from those whom we trust to say so. */
static void
input_proxy_header(struct h1_front *f)
{
	struct proxy_header h;
	int n = 0;

	while (n == 0) {
		if (!read_some(f))
			return;
		n = proxy_header_read(h1_front_unread(f), h1_front_buffered(f), &h);
	}
	if (n < 0 || !cidrs_have(f->options->trusted, f->options->ntrusted, &f->peer.peer)) {
		char peer[ADDR_TEXT];

		ip_text(&f->peer.peer, peer);
		log_info("client %s: closed: %s", peer, n < 0 ? "no PROXY header" :
		    "a PROXY header from an address that is not in trusted_proxies");
		h1_front_close(f, false);
		return;
	}
	if (h.known) {
		f->peer.client = h.source;
		f->peer.local = h.destination;
		f->peer.proxied = true;
	}
	f->pos += (uint32_t)n;
	if (f->options->tls != NULL) {
		h1_front_start_tls(f, str_make(h1_front_unread(f), h1_front_buffered(f)));
		h1_front_drop_input(f);
		h1_front_handshake(f);
		return;
	}
	f->state = FRONT_IDLE;
	f->head_start_us = clock_us();
	input_head(f);
}

/* What the client still sends is read, so that no reset overtakes what was said last. */
static void
discard(struct h1_front *f)
{
	ssize_t n = 1;

	for (int i = 0; i < DISCARDS && n > 0; i++)
		n = transport_discard(&f->transport);
	if (n > 0)
		loop_yield(f->transport.loop, &f->transport.watcher);
	else if (n != IO_AGAIN)
		h1_front_close(f, false);
}

void
h1_front_input(struct h1_front *f)
{
	switch (f->state) {
	case FRONT_PROXY:
		input_proxy_header(f);
		break;
	case FRONT_HANDSHAKE:
		h1_front_handshake(f);
		break;
	case FRONT_IDLE:
	case FRONT_HEAD:
		input_head(f);
		break;
	case FRONT_BUSY:
		if (h1_front_wants_body(f))
			h1_front_input_body(f);
		break;
	case FRONT_LINGER:
		discard(f);
		break;
	default:
		break;
	}
}

