/*
 * metrics_text.h - the counters in the Prometheus text format, version 0.0.4.
 */
#ifndef USHERD_PROXY_ADMIN_METRICS_TEXT_H
#define USHERD_PROXY_ADMIN_METRICS_TEXT_H

#include "proxy/admin/status_page.h"

/* All metrics with their HELP and TYPE lines. */
extern const struct status_format metrics_text;

/* Name and meaning of metric `i`, for the test of the manual; false past the last one. */
bool metrics_text_describe(unsigned i, const char **name, const char **help);

#endif
