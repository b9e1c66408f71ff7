/*
 * escape.h - values from outside made harmless for the text they are put into.
 */
#ifndef USHERD_PROXY_TEXT_ESCAPE_H
#define USHERD_PROXY_TEXT_ESCAPE_H

#include "base/buf.h"
#include "base/str.h"

/* Leaves out controls but HTAB: what no field value may hold (RFC 9110, 5.5). */
void escape_plain(struct buf *out, struct str value);

/*
 * For log lines: controls, '"', '\\' and bytes over 0x7e as \xNN; an absent value, and an empty
 * one, is "-".
 */
void escape_log(struct buf *out, struct str value);

/* For the inside of a JSON string; an absent value is empty. */
void escape_json(struct buf *out, struct str value);

/* For HTML text and double-quoted attributes. */
void escape_html(struct buf *out, struct str value);

/* For label values of the Prometheus text format. */
void escape_label(struct buf *out, struct str value);

/* What a value is that goes into a URI (RFC 3986). */
enum uri_form {
	URI_TEXT,		/* plain text: a '%' is one */
	URI_PATH,		/* as target_normalise() gives it: '%' begins an escape */
	URI_READY,		/* a piece of a URI, percent-encoded already */
};

/* Where in a URI it goes. */
enum uri_place { URI_IN_HOST, URI_IN_PATH, URI_IN_QUERY };

/*
 * Percent-encodes what the value's form cannot hold in this place: of text and paths all that would
 * mean something there; of ready pieces what no URI holds (controls, blanks, quotes, bytes over
 * 0x7e ...), and in a path what would end it.
 */
void escape_uri(struct buf *out, struct str value, enum uri_form form, enum uri_place place);

/* The first bytes of a value that is longer than `max`; `*cut` says whether it is. */
struct str escape_cut(struct str value, size_t max, bool *cut);

#endif
