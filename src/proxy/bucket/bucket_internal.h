/*
 * bucket_internal.h - what the files of bucket share.
 */
#ifndef USHERD_PROXY_BUCKET_BUCKET_INTERNAL_H
#define USHERD_PROXY_BUCKET_BUCKET_INTERNAL_H

#include "proxy/bucket/bucket.h"

enum { BUCKET_ERROR_MAX = 2048 };	/* of an error's text, to find its code in */

/* How far a request to a store has come; begins with zeroes. */
struct bucket_request {
	bool whole;			/* no Range any more: it would not fit */
	bool for_error;			/* the error_document is asked for */
	bool again;			/* this response is dropped, and asked for without Range */
	int refused;			/* status of a response that is dropped; 0: none */
	struct str content_range;	/* that came with a 416 */
	char *error;			/* the beginning of its body, in the arena; NULL: none */
	size_t nerror;
	uint64_t dropped;		/* bytes of it */
};

/* Asks the store for another object instead, or again; no stream may be open. */
void bucket_ask(struct exchange *x, struct str key);

#endif
