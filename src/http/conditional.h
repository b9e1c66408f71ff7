/*
 * conditional.h - conditional requests: RFC 9110, section 13.
 */
#ifndef USHERD_HTTP_CONDITIONAL_H
#define USHERD_HTTP_CONDITIONAL_H

#include <stdbool.h>
#include <stdint.h>

#include "http/fields.h"
#include "http/message.h"

/* What tells one state of a representation from another: RFC 9110, 8.8. */
struct validators {
	struct str etag;	/* as in the field: "opaque", W/"opaque"; absent: none */
	int64_t modified;	/* Last-Modified, seconds since the epoch */
	bool has_modified;
	bool modified_strong;	/* it cannot have changed twice in that second: 8.8.2.2 */
};

enum condition {
	CONDITION_PASS,		/* do what the method says */
	CONDITION_NOT_MODIFIED,	/* 304 */
	CONDITION_FAILED,	/* 412 */
};

/*
 * Evaluates If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since in the order of RFC
 * 9110, 13.2.2, for a representation that exists.  Only for requests that would be answered with a
 * 2xx.  Dates that cannot be read do not count.
 */
enum condition conditional_check(const struct fields *request, enum method method,
    const struct validators *v);

/*
 * Whether a Range field counts: without If-Range always, else only if its validator is strong and
 * ours (13.1.5).
 */
bool conditional_range(const struct fields *request, const struct validators *v);

/* Takes the next entity tag off a list such as `"a", W/"b,c"`; false at its end, and with `*rest`
 * absent where it is malformed. */
bool conditional_next_tag(struct str *rest, struct str *tag);

/* Compare entity tags: RFC 9110, 8.8.3.2. */
bool conditional_tags_eq(struct str a, struct str b, bool strong);

#endif
