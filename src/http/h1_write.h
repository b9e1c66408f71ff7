/*
 * h1_write.h - writes HTTP/1 heads and chunks: RFC 9112.
 *
 * Nothing that a peer sent is passed on as it was: heads are made anew from their parts.
 */
#ifndef USHERD_HTTP_H1_WRITE_H
#define USHERD_HTTP_H1_WRITE_H

#include "base/chain.h"
#include "http/message.h"

/* `METHOD target HTTP/1.1`, the fields that are not gone, framing, and the empty line. */
struct h1_request_head {
	struct str method;
	struct str target;
	const struct fields *fields;
	enum framing framing;
	uint64_t content_length;
	struct str upgrade;		/* absent: none */
};

void h1_write_request(struct chain *out, const struct h1_request_head *h);

/* How the connection goes on after a response. */
enum h1_connection { H1_DEFAULT, H1_KEEP_ALIVE, H1_CLOSE, H1_UPGRADE };

/* The same for a response; `framing` NONE writes neither length nor coding. */
void h1_write_response(struct chain *out, const struct response *r, enum framing framing,
    uint64_t content_length, enum h1_connection connection);

/*
 * Moves `moved` to `out`; a few bytes behind a head are copied, so that one buffer has both.  With
 * `waits` it will be some time before they leave: then they are packed (chain_keep).
 */
void h1_write_body(struct chain *out, struct chain *moved, bool waits);

/* The same as one chunk; nothing for an empty chain. */
void h1_write_chunk(struct chain *out, struct chain *moved, bool waits);

/* The last chunk and trailers (may be NULL). */
void h1_write_last_chunk(struct chain *out, const struct fields *trailers);

#endif
