/*
 * h1_parse.h - HTTP/1 heads: where one ends, and what stands in it.
 *
 * A head is first looked through byte by byte as it arrives (h1_scan), which refuses whatever could
 * be read in two ways: bare LF or CR, controls, folded lines.  When it is complete, start line and
 * fields are taken apart; llhttp splits the fields.
 */
#ifndef USHERD_HTTP_H1_PARSE_H
#define USHERD_HTTP_H1_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "http/message.h"

/* What becomes of lines that end with LF alone (RFC 9112, 2.2). */
enum h1_bare_lf {
	H1_BARE_LF_NEVER,		/* refused */
	H1_BARE_LF_REJECT,		/* refused, and the refusal names the directive */
	H1_BARE_LF_ACCEPT,		/* [backend] bare_lf = accept */
};

struct h1_limits {
	size_t max_head;		/* bytes of the whole head */
	size_t max_line;		/* bytes of the start line */
	unsigned max_fields;
	enum h1_bare_lf bare_lf;
};

/* How far a head has been looked at; all-zero is the beginning. */
struct h1_scan {
	size_t pos;			/* bytes looked at, all fine */
	size_t line;			/* start of the current line */
	size_t start_line_end;		/* of its text; 0 while it is incomplete */
	unsigned fields;
	bool odd_ends;			/* a line ends with blanks, or with LF alone */
};

enum h1_scan_result { H1_SCAN_MORE, H1_SCAN_DONE, H1_SCAN_BAD };

/*
 * Goes on at s->pos in the `n` bytes at `p`.  DONE: the head is p[0] to p[s->pos - 1].  BAD:
 * `refusal` says why.  Empty lines before the head are the caller's to skip.
 */
enum h1_scan_result h1_scan_head(struct h1_scan *s, const char *p, size_t n,
    const struct h1_limits *limits, struct refusal *refusal);

/*
 * Takes a complete head apart; strings point into it, so it must live as long as the message.
 * Fills method, raw_target, minor and fields; request_check() does the rest.  False: `refusal`.
 */
bool h1_parse_request(const char *head, const struct h1_scan *s, struct arena *arena,
    struct request *r, struct refusal *refusal);

/* The same for a response: status, reason, minor and fields. */
bool h1_parse_response(const char *head, const struct h1_scan *s, struct arena *arena,
    struct response *r, struct refusal *refusal);

/*
 * Trailer fields, the final empty line included (RFC 9112, 7.1.2); the result and its strings live
 * in `arena`.  Fields that frame or route a message are dropped; NULL for anything malformed.
 */
struct fields *h1_parse_trailers(struct str raw, struct arena *arena);

/* Name and version of the library in use: `llhttp 8.1.0`. */
extern const char h1_parse_library[];

#endif
