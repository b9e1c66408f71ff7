/*
 * headers.h - what [headers] sections change in requests to servers and in responses to clients.
 *
 * Sections are applied in their order: those of [defaults], of the host, of the route.  Within one,
 * fields are removed first, then set, then added.  A value that comes out empty sets nothing: so
 * `Name:` removes.  Fields that frame or route a message are nobody's but usherd's.
 */
#ifndef USHERD_PROXY_FILTER_HEADERS_H
#define USHERD_PROXY_FILTER_HEADERS_H

#include "conf/snapshot.h"
#include "http/fields.h"

struct capture_names;
struct exchange;
struct headers;

/* Compiles the values, which may use `names`; NULL after errors.  headers_free() ends it. */
struct headers *headers_new(const struct conf_snapshot *snapshot,
    const struct capture_names *names, struct conf_errors *errors);
void headers_free(struct headers *h);

/* Whether a section of the policy removes, sets or adds request fields of this name. */
bool headers_change_request(const struct conf_policy *p, struct str name);

/* The same for fields of responses. */
bool headers_change_response(const struct conf_policy *p, struct str name);

/* Applies the request's part of the sections of the exchange's route to `fields`. */
void headers_request(const struct headers *h, struct exchange *x, struct fields *fields);

/* The same for the response's part. */
void headers_response(const struct headers *h, struct exchange *x, struct fields *fields);

#endif
