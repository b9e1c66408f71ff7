/*
 * h1_body.h - decodes HTTP/1 bodies: RFC 9112, sections 6 and 7.
 *
 * Body bytes stay in the block that they were read into, and segments refer to it; small chunks are
 * moved together there, so that they make one segment.
 */
#ifndef USHERD_HTTP_H1_BODY_H
#define USHERD_HTTP_H1_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/chain.h"
#include "http/message.h"

enum h1_body_result { H1_BODY_MORE, H1_BODY_END, H1_BODY_BAD };

struct h1_body {
	enum framing framing;
	uint8_t state;			/* of the chunk decoder: enum in h1_body.c */
	bool has_digits;		/* the chunk size has a digit */
	uint32_t line;			/* bytes of the current size line, or of the trailers */
	uint64_t left;			/* body bytes until the end, or of the chunk */
	uint64_t overhead;		/* bytes spent on chunk extensions */
	uint64_t received;		/* body bytes so far */
	struct buf trailers;		/* raw trailer section */
};

/* Begins a body; FRAMING_NONE and a length of 0 are at their end at once. */
void h1_body_init(struct h1_body *b, enum framing framing, uint64_t length);

/* Frees the trailers. */
void h1_body_fini(struct h1_body *b);

/* True if the body is complete. */
bool h1_body_at_end(const struct h1_body *b);

/* True if trailer fields came; for a body at its end. */
static inline bool
h1_body_has_trailers(const struct h1_body *b)
{
	return b->trailers.n > 2;	/* more than the empty line */
}

/*
 * Decodes the `n` bytes at `p`, which lie in `block`, and appends body bytes to `out`.  `*used`
 * says how many bytes belonged to this message: less than `n` only with END.  BAD: malformed.  The
 * bytes at `p` are the decoder's to overwrite: nobody else may refer to them.
 */
enum h1_body_result h1_body_decode(struct h1_body *b, struct block *block, char *p, size_t n,
    struct chain *out, size_t *used);

/* Counts bytes that went another way (a pipe); FRAMING_LENGTH and FRAMING_CLOSE only. */
enum h1_body_result h1_body_skip(struct h1_body *b, uint64_t n);

/* How many bytes may be read at once without reading past the body's end; SIZE_MAX: unknown. */
uint64_t h1_body_left(const struct h1_body *b);

#endif
