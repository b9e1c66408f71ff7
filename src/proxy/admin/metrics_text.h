/*
 * metrics_text.h - the counters in the Prometheus text format, version 0.0.4.
 */
#ifndef USHERD_PROXY_ADMIN_METRICS_TEXT_H
#define USHERD_PROXY_ADMIN_METRICS_TEXT_H

#include "base/buf.h"
#include "proxy/admin/status.h"

/* The media type of the format. */
extern const struct str metrics_text_type;

/* Appends all metrics with their HELP and TYPE lines. */
void metrics_text(const struct status *s, struct buf *out);

/* Name and meaning of metric `i`, for the test of the manual; false past the last one. */
bool metrics_text_describe(unsigned i, const char **name, const char **help);

#endif
