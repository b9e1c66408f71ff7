/*
 * buffering.h - request_buffering: takes in the whole request body before it goes on.
 */
#ifndef USHERD_PROXY_BUFFERING_H
#define USHERD_PROXY_BUFFERING_H

#include "proxy/exchange.h"

/*
 * Waits for the request body, as far as it has not come yet, and keeps it in x->buffered.  False if
 * there is nothing to wait for.
 */
bool buffering_start(struct exchange *x);

#endif
