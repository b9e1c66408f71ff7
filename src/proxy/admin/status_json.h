/*
 * status_json.h - the status as a JSON object.
 */
#ifndef USHERD_PROXY_ADMIN_STATUS_JSON_H
#define USHERD_PROXY_ADMIN_STATUS_JSON_H

#include "proxy/admin/status_page.h"

/* The object; times are in seconds, or since the epoch in milliseconds (`_ms`). */
extern const struct status_format status_json;

#endif
