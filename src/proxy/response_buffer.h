/*
 * response_buffer.h - response_buffering: a slow client does not hold up the server.
 *
 *	server ─► source ─► kept, at most RESPONSE_BUFFER_MAX ─► stream ─► client
 *
 * What the client does not take yet is kept in memory, so that the server is done with the request
 * and free for another.  Nothing waits here that the client could have: bytes pass at once as long
 * as it takes them.
 */
#ifndef USHERD_PROXY_RESPONSE_BUFFER_H
#define USHERD_PROXY_RESPONSE_BUFFER_H

#include "proxy/exchange.h"

enum { RESPONSE_BUFFER_MAX = 1024 * 1024 };	/* of one response; then its server has to wait */

struct response_buffer;

/*
 * The buffer of a response whose head is about to go out, in the exchange's arena; NULL where there
 * is none: without response_buffering, for other sources than servers, for event streams, whose
 * server should notice a client that does not read, and without a body.
 */
struct response_buffer *response_buffer_new(struct exchange *x, const struct response *r);

/* Instead of the stream's send_body() and send_end(). */
enum flow response_buffer_add(struct exchange *x, struct chain *moved);
void response_buffer_end(struct exchange *x, const struct fields *trailers);

/* The stream takes more.  True if the source should go on too. */
bool response_buffer_drained(struct exchange *x);

#endif
