/*
 * sources.h - who may answer the requests of a route, in the order in which they are asked.
 */
#ifndef USHERD_PROXY_SOURCES_H
#define USHERD_PROXY_SOURCES_H

#include "proxy/exchange.h"

/* The sources of x->route; the list ends with NULL. */
const struct source *const *sources_of(const struct exchange *x);

/* Lets the first source that takes the request answer it. */
void sources_start(struct exchange *x);

#endif
