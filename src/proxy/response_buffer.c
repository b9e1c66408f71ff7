/*
 * response_buffer.c - response_buffering: a slow client does not hold up the server.
 */
#include "proxy/response_buffer.h"

struct response_buffer {
	struct chain kept;
	bool full;			/* the stream takes no more for now */
	bool source_waits;
	bool ended;			/* all of the response is here */
	bool end_sent;
	const struct fields *trailers;
};

static void
clear(void *buffer)
{
	chain_clear(&((struct response_buffer *)buffer)->kept);
}

struct response_buffer *
response_buffer_new(struct exchange *x, const struct response *r)
{
	struct response_buffer *b;

	if (!x->policy->response_buffering || x->upstream_response == NULL ||
	    response_has_no_body(r->status, x->request->method_id) ||
	    response_is_event_stream(r))
		return NULL;
	b = ARENA_NEW(&x->stream->arena, struct response_buffer);
	chain_init(&b->kept);
	exchange_at_end(x, clear, b);
	return b;
}

static void
keep(struct response_buffer *b, struct chain *moved)
{
	if (chain_kinds(moved) & ~(unsigned)SEG_MEM) {
		chain_move(&b->kept, moved);
		return;
	}
	chain_keep(&b->kept, moved);
	chain_clear(moved);
}

enum flow
response_buffer_add(struct exchange *x, struct chain *moved)
{
	struct response_buffer *b = x->response_buffer;

	if (b->full)
		keep(b, moved);
	else
		b->full = x->stream->ops->send_body(x->stream, moved) == FLOW_FULL;
	b->source_waits = b->kept.len >= RESPONSE_BUFFER_MAX;
	return b->source_waits ? FLOW_FULL : FLOW_OK;
}

/* The stream goes on draining behind the end, which it must be told of once. */
static void
pass_end(struct exchange *x, struct response_buffer *b)
{
	if (!b->ended || b->end_sent || !chain_empty(&b->kept))
		return;
	b->end_sent = true;
	x->stream->ops->send_end(x->stream, b->trailers);
}

void
response_buffer_end(struct exchange *x, const struct fields *trailers)
{
	struct response_buffer *b = x->response_buffer;

	b->ended = true;
	b->trailers = trailers;
	pass_end(x, b);
}

bool
response_buffer_drained(struct exchange *x)
{
	struct response_buffer *b = x->response_buffer;
	bool waited = b->source_waits;

	b->full = false;
	while (!b->full && !chain_empty(&b->kept)) {
		struct chain piece;
		size_t n = b->kept.len < STREAM_HIGH ? b->kept.len : STREAM_HIGH;

		chain_init(&piece);
		chain_take(&piece, &b->kept, n);
		b->full = x->stream->ops->send_body(x->stream, &piece) == FLOW_FULL;
	}
	b->source_waits = waited && b->kept.len > RESPONSE_BUFFER_MAX / 2;
	pass_end(x, b);
	return waited && !b->source_waits && !b->ended;
}
