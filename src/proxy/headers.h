/*
 * headers.h - what [headers] sections set in requests on their way to a server.
 */
#ifndef USHERD_PROXY_HEADERS_H
#define USHERD_PROXY_HEADERS_H

#include "conf/snapshot.h"
#include "http/fields.h"

struct exchange;
struct headers;

/* Compiles the values; NULL after errors.  headers_free() ends it. */
struct headers *headers_new(const struct conf_snapshot *snapshot, struct conf_errors *errors);
void headers_free(struct headers *h);

/*
 * Applies the sections of the exchange's route in their order.  A field that is set replaces
 * whatever the client sent under that name, also when the new value is empty: then there is none.
 */
void headers_set_request(const struct headers *h, struct exchange *x, struct fields *fields);

#endif
