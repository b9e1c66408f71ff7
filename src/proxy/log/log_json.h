/*
 * log_json.h - access log lines as JSON objects.
 */
#ifndef USHERD_PROXY_LOG_LOG_JSON_H
#define USHERD_PROXY_LOG_LOG_JSON_H

#include "base/buf.h"
#include "conf/snapshot.h"

struct capture_names;
struct exchange;
struct log_json;

/*
 * Compiles the members of a line: our own, then those of `member`.  `names` may be used besides the
 * variables.  With wrong members there are errors.
 */
struct log_json *log_json_new(const struct conf_log *conf, const struct capture_names *names,
    struct conf_errors *errors);
void log_json_free(struct log_json *j);

/* Appends a line, without a newline.  Of values that are longer than `max` the beginning and "...",
 * and of many attempts the last ones. */
void log_json_write(const struct log_json *j, const struct exchange *x, size_t max,
    struct buf *out);

#endif
