/*
 * buffering.c - request_buffering: takes in the whole request body before it goes on.
 */
#include "proxy/buffering.h"

#include "proxy/answer.h"

enum { WINDOW = 65536 };	/* bytes on their way at once */

static const struct source source_buffering;

static void
start(struct exchange *x)
{
	if (x->request->expect_continue) {
		exchange_info(x, answer_new(x, 100));
		x->request->expect_continue = false;	/* the server is not asked */
	}
	exchange_want(x, WINDOW);
}

static void
body(struct exchange *x, struct chain *moved)
{
	uint64_t n = moved->len;

	chain_keep(&x->buffered, moved);
	chain_clear(moved);
	exchange_want(x, n);
}

static void
end(struct exchange *x, const struct fields *trailers)
{
	struct request *r = x->request;

	x->trailers = trailers;
	if (r->framing == FRAMING_CHUNKED && trailers == NULL) {
		r->framing = FRAMING_LENGTH;
		r->content_length = x->body_in;
	}
	exchange_continue(x, &source_buffering);
}

static const struct source source_buffering = {
	.name = "buffering",
	.start = start,
	.body = body,
	.end = end,
};

bool
buffering_start(struct exchange *x)
{
	if (!x->policy->request_buffering || x->stream->body_done)
		return false;
	exchange_set_source(x, &source_buffering, NULL);
	return true;
}
