/*
 * log_line.h - the text of access log lines in the formats that have a name.
 */
#ifndef USHERD_PROXY_LOG_LOG_LINE_H
#define USHERD_PROXY_LOG_LOG_LINE_H

#include "base/buf.h"

struct exchange;

/* The template of the format `json`, to be written with ESCAPE_JSON. */
extern const struct str log_line_json;

/*
 * Appends a line, without a newline, in the combined format of Apache and nginx.  Of values that
 * are longer than `max` the beginning and "...".
 */
void log_line_combined(const struct exchange *x, size_t max, struct buf *out);

#endif
