/*
 * buffering.c - request_buffering: takes in the whole request body before the source starts.
 */
#include "proxy/buffering.h"

#include "proxy/answer.h"

enum { WINDOW = 65536 };	/* bytes on their way at once */

void
buffering_start(struct exchange *x)
{
	x->buffering = true;
	if (x->request->expect_continue) {
		exchange_info(x, answer_new(x, 100));
		x->request->expect_continue = false;	/* the server is not asked */
	}
	exchange_want(x, WINDOW);
}

void
buffering_body(struct exchange *x, struct chain *moved)
{
	uint64_t n = moved->len;

	chain_keep(&x->buffered, moved);
	chain_clear(moved);
	exchange_want(x, n);
}

void
buffering_end(struct exchange *x, const struct fields *trailers)
{
	struct request *r = x->request;

	x->buffering = false;
	x->trailers = trailers;
	if (r->framing == FRAMING_CHUNKED && trailers == NULL) {
		r->framing = FRAMING_LENGTH;
		r->content_length = x->body_in;
	}
	exchange_continue(x);
}
