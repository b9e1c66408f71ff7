/*
 * buffering.h - request_buffering: the whole request body is here before a server hears of it, so
 * that a slow client occupies no server, and a request can be sent again whatever its size.
 */
#ifndef USHERD_PROXY_BUFFERING_H
#define USHERD_PROXY_BUFFERING_H

#include "proxy/exchange.h"

/* Begins to take in the body; exchange_continue() is called when it is complete. */
void buffering_start(struct exchange *x);

/* What the stream says meanwhile. */
void buffering_body(struct exchange *x, struct chain *moved);
void buffering_end(struct exchange *x, const struct fields *trailers);

#endif
