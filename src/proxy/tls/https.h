/*
 * https.h - what a host demands of the connection that a request comes on.
 */
#ifndef USHERD_PROXY_TLS_HTTPS_H
#define USHERD_PROXY_TLS_HTTPS_H

#include <stdbool.h>

#include "proxy/exchange.h"

/* Answers 421 if the TLS connection was made for a host other than the request's; true if so. */
bool https_refuses(struct exchange *x);

/* For redirect_https: redirects a request that came by http; true if so. */
bool https_redirects(struct exchange *x);

#endif
