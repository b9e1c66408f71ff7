/*
 * answer.h - responses that usherd makes itself: fixed text and redirects; tools for others.
 */
#ifndef USHERD_PROXY_ANSWER_H
#define USHERD_PROXY_ANSWER_H

#include "base/buf.h"
#include "base/chain.h"
#include "proxy/exchange.h"

/* A response with this status in the exchange's arena, with no fields but Date. */
struct response *answer_new(struct exchange *x, int status);

/*
 * Sends `r` with this body and its Content-Length, and ends the exchange's response.  An absent
 * `type` sends none.  `body` must live as long as the exchange; HEAD sends no body.
 */
void answer_send(struct exchange *x, struct response *r, struct str type, struct str body);

/* The same with the content of `b`, which is consumed. */
void answer_send_buf(struct exchange *x, struct response *r, struct str type, struct buf *moved);

/* Sources for the actions respond and redirect. */
extern const struct source source_respond;
extern const struct source source_redirect;

#endif
