/*
 * bucket.h - objects of a store that speaks the S3 protocol: what of a request goes there, and what
 * of its response comes back.
 *
 *	path ─► /BUCKET/KEY ─ forward ─ bucket_fields(), signed ─► store
 *	client ◄─ exchange_head() ◄─ bucket_head(): fields hidden, errors taken out ◄─ store
 *
 * Requests are forwarded to the bucket's backend like any others, but by rules of their own
 * (forward.h), so that retries, limits and health are those of backends.  An error of the store,
 * XML and all, never reaches the client: its body is read to the end, so that the connection can be
 * used again, and then an error page is sent, or the error_document.
 */
#ifndef USHERD_PROXY_BUCKET_H
#define USHERD_PROXY_BUCKET_H

#include "proxy/exchange.h"

/* What a worker knows of whether the store takes a bucket's key; begins with zeroes. */
struct bucket_trust {
	unsigned refused;		/* HEADs in a row, with nothing else in between */
	msec warned_ms;			/* 0: never */
};

/*
 * Forwards the request for the object that x->path names, signed, to the store; fails the exchange
 * for a method or body that the bucket does not take, or a path that names no object.
 */
extern const struct source source_bucket;

#endif
