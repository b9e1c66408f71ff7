/*
 * params.h - the pairs in query strings and Cookie fields.
 */
#ifndef USHERD_PROXY_TEXT_PARAMS_H
#define USHERD_PROXY_TEXT_PARAMS_H

#include <stdbool.h>

#include "base/str.h"
#include "http/fields.h"

/* One `name=value`; the value is absent without a '='. */
struct param {
	struct str name;
	struct str value;
};

/* Takes the next pair off a query (split at '&') as it was received; false at the end. */
bool query_next(struct str *rest, struct param *p);

/* Takes the next pair off the value of a Cookie field: RFC 6265, 4.2.1. */
bool cookie_next(struct str *rest, struct param *p);

/* The value of the first pair of this name in the query, as received; absent if there is none. */
struct str query_value(struct str query, struct str name);

/* The value of the first cookie of this name in all Cookie fields; absent if there is none. */
struct str cookie_value(const struct fields *fields, struct str name);

/* Takes one byte off `raw`, which has one at least, decoded as query_text_eq() does. */
char query_byte(struct str *raw);

/*
 * Compares `raw`, with its percent-escapes decoded and '+' taken for a blank as in forms, with
 * `text`; with `prefix` only its first bytes.
 */
bool query_text_eq(struct str raw, struct str text, bool prefix);

#endif
