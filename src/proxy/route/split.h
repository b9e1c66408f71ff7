/*
 * split.h - which backend of `split = 90:app 10:canary` gets a request.
 */
#ifndef USHERD_PROXY_ROUTE_SPLIT_H
#define USHERD_PROXY_ROUTE_SPLIT_H

#include "proxy/exchange.h"

/*
 * The share for an exchange whose route has ACTION_SPLIT.  A key always leads to the same one,
 * here and on other machines with the same weights; when weights change, no more keys move than
 * have to.  Without a key, or with an empty one, chance decides.
 */
const struct conf_split *split_choose(const struct exchange *x);

/* The same for the share that a number from 0 to UINT32_MAX falls into. */
const struct conf_split *split_at(const struct conf_route *route, uint32_t place);

#endif
