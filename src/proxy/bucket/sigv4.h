/*
 * sigv4.h - AWS Signature Version 4 in an Authorization field, as stores of the S3 protocol want
 * it.
 *
 *	canonical request ─ SHA-256 ─► string to sign ─ HMAC, key of the day ─► signature
 */
#ifndef USHERD_PROXY_BUCKET_SIGV4_H
#define USHERD_PROXY_BUCKET_SIGV4_H

#include "base/buf.h"
#include "http/fields.h"

#define SIGV4_EMPTY	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SIGV4_UNSIGNED	"UNSIGNED-PAYLOAD"

enum { SIGV4_DATE = 16 };	/* length of 20130524T000000Z */

struct sigv4_key {
	struct str access_key;
	struct str secret_key;
	struct str region;
	struct str service;		/* s3 */
};

/* A request as it is sent. */
struct sigv4_request {
	struct str method;
	struct str path;		/* percent-encoded as sigv4_encode() does it */
	struct str query;		/* encoded likewise, parameters in order; may be absent */
	const struct fields *fields;	/* all of them are signed; Host and X-Amz-Date are there */
	struct str payload;		/* SHA-256 of the body in hexadecimal: SIGV4_EMPTY of an
					 * empty one; or SIGV4_UNSIGNED */
	struct str date;		/* the value of X-Amz-Date */
};

/* Writes the time as X-Amz-Date has it, without a NUL; `wall_ms` since the epoch. */
void sigv4_date(int64_t wall_ms, char out[SIGV4_DATE]);

/* Appends a path with all that is neither a slash nor unreserved (RFC 3986, 2.3) encoded. */
void sigv4_encode(struct buf *out, struct str path);

/* The steps, for tests: the canonical request, and what is signed in the end. */
void sigv4_canonical(const struct sigv4_request *r, struct buf *out);
void sigv4_string_to_sign(const struct sigv4_key *key, const struct sigv4_request *r,
    struct buf *out);

/* The value of the Authorization field, in `arena`. */
struct str sigv4_authorization(const struct sigv4_key *key, const struct sigv4_request *r,
    struct arena *arena);

#endif
