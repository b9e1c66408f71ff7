/*
 * bucket.h - objects of a store that speaks the S3 protocol: what of a request goes there, and what
 * of its response comes back.
 *
 *	path ─ bucket_aim() ─► /BUCKET/KEY ─ forward ─ bucket_fields(), signed ─► store
 *	client ◄─ exchange_head() ◄─ bucket_head(): fields hidden, errors taken out ◄─ store
 *
 * Requests are forwarded to the bucket's backend like any others, so that retries, limits and
 * health are those of backends.  An error of the store, XML and all, never reaches the client: its
 * body is read to the end, so that the connection can be used again, and then an error page is
 * sent, or the error_document.
 */
#ifndef USHERD_PROXY_BUCKET_H
#define USHERD_PROXY_BUCKET_H

#include "proxy/exchange.h"

struct bucket_request;

/* What a worker knows of whether the store takes a bucket's key; begins with zeroes. */
struct bucket_trust {
	unsigned refused;		/* HEADs in a row, with nothing else in between */
	msec warned_ms;			/* 0: never */
};

/*
 * For a route with `bucket`: sets x->uri to the place of the object that x->path names, without a
 * query, and x->bucket.  False if it failed the exchange: a method that the bucket does not take,
 * or a path that names no object.
 */
bool bucket_aim(struct exchange *x);

/* Forwards the request; or fails the exchange, for a body that the store would not take. */
void bucket_start(struct exchange *x);

/* Of a request with x->bucket: the fields that go to the store, signed for now. */
void bucket_fields(struct exchange *x, struct fields *out);

/*
 * The store's final head: true if it may go to the client, changed as need be.  Else all that
 * follows is bucket_body()'s and bucket_end()'s.
 */
bool bucket_head(struct exchange *x, struct response *r);

/* True if the bytes were taken, which are for nobody. */
bool bucket_body(struct exchange *x, struct chain *moved);

/* The response is over and its stream released.  True if the rest has been done: an error page, or
 * another request to the store. */
bool bucket_end(struct exchange *x);

#endif
