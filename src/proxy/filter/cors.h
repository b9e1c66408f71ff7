/*
 * cors.h - which pages of other origins may read responses: the Fetch standard's CORS protocol.
 *
 * A page's request for leave (a preflight) is answered here; what other responses say comes from
 * filter_cors.  Credentials are allowed for the origins and domains that `cors` names, never for
 * `*`.
 */
#ifndef USHERD_PROXY_FILTER_CORS_H
#define USHERD_PROXY_FILTER_CORS_H

#include "proxy/exchange.h"

/*
 * True for a preflight: OPTIONS with Origin and Access-Control-Request-Method.  `wanted` gets the
 * request that the page asks leave for, as far as routes look at it.
 */
bool cors_preflight(const struct request *r, struct request *wanted);

/* Answers a preflight to a route with `cors`. */
void cors_answer(struct exchange *x);

/*
 * The value of Access-Control-Allow-Origin for this origin: itself, `*`, or absent when the list
 * does not allow it.  `*credentials` says whether cookies and the like may come along.
 */
struct str cors_allow(const struct conf_strs *list, struct str origin, bool *credentials);

#endif
