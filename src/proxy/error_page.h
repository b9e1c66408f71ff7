/*
 * error_page.h - what clients see of errors: pages of the configuration, or a built-in one.
 */
#ifndef USHERD_PROXY_ERROR_PAGE_H
#define USHERD_PROXY_ERROR_PAGE_H

#include "proxy/exchange.h"

/*
 * Answers with an error status, 400 to 599, and its page: the route's own, else a built-in one as
 * HTML, JSON (as of RFC 9457) or plain text, whichever the client likes best.
 */
void error_page_send(struct exchange *x, int status);

/* The page that follows says when to ask again. */
void error_page_retry_after(struct exchange *x, int64_t seconds);

/*
 * Answers for a route under `maintenance`: 503, to be asked again later and not to be stored, with
 * the page of `maintenance`, that of `error_page = 503`, or the built-in one.
 */
void error_page_maintenance(struct exchange *x);

#endif
