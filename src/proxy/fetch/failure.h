/*
 * failure.h - what a failed attempt says about its server.
 */
#ifndef USHERD_PROXY_FETCH_FAILURE_H
#define USHERD_PROXY_FETCH_FAILURE_H

#include "http/back.h"
#include "proxy/balance/backend.h"

/* Counts the failure for the server and its backend. */
void failure_count(struct backend *b, struct server *s, enum back_failure failure);

/*
 * A connection that was closed just when we used it says nothing about the server, and happens with
 * every server that closes idle connections.
 */
bool failure_is_stale(const struct back_stream *back, enum back_failure failure);

/*
 * Bad for the server, or neutral if it is not to blame: a stale connection; or no socket of our own
 * for it, when `back` is NULL and errno says why.
 */
enum backend_outcome failure_outcome(const struct back_stream *back, enum back_failure failure);

#endif
