/*
 * log_line.h - access log lines in the combined format of Apache and nginx.
 */
#ifndef USHERD_PROXY_LOG_LOG_LINE_H
#define USHERD_PROXY_LOG_LOG_LINE_H

#include "base/buf.h"

struct conf_strs;
struct exchange;

/*
 * Appends a line, without a newline; what `redact` names is hidden.  Of values that are longer than
 * `max` the beginning and "...".
 */
void log_line_combined(const struct exchange *x, const struct conf_strs *redact, size_t max,
    struct buf *out);

#endif
