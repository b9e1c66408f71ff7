/*
 * bucket_internal.h - what the files of bucket share.
 */
#ifndef USHERD_PROXY_BUCKET_BUCKET_INTERNAL_H
#define USHERD_PROXY_BUCKET_BUCKET_INTERNAL_H

#include "proxy/bucket/bucket.h"
#include "proxy/forward/forward.h"

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

/* Of an exchange whose source is source_bucket. */
static inline struct bucket_request *
bucket_request(const struct exchange *x)
{
	return forward_rules_state(x);
}

/* bucket.c: asks the store again, or for another object; no stream may be open. */
void bucket_ask(struct exchange *x);
void bucket_ask_for(struct exchange *x, struct str key);

/* bucket_response.c: what struct forward_rules says of the response. */
bool bucket_head(struct exchange *x, struct response *r);
bool bucket_body(struct exchange *x, struct chain *moved);
bool bucket_end(struct exchange *x);

#endif
