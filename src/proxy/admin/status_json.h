/*
 * status_json.h - the status as a JSON object.
 */
#ifndef USHERD_PROXY_ADMIN_STATUS_JSON_H
#define USHERD_PROXY_ADMIN_STATUS_JSON_H

#include "base/buf.h"
#include "proxy/admin/status.h"

/* Appends the object; times are in seconds, or since the epoch in milliseconds (`_ms`). */
void status_json(const struct status *s, struct buf *out);

#endif
