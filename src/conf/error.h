/*
 * error.h - collects the errors and warnings of one look at the configuration.
 *
 *	/etc/usherd.ini:41: [route api] read_timeout: "30" has no unit (use 30s or 30000ms)
 */
#ifndef USHERD_CONF_ERROR_H
#define USHERD_CONF_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/* So many errors and so many warnings are told; the rest is only counted. */
enum { CONF_ERRORS_KEPT = 100 };

/* Where a thing was written.  line 0: not in a file (then `file` says "default", "-g", ...). */
struct conf_origin {
	const char *file;	/* lives as long as the snapshot */
	int line;
};

struct conf_errors;

struct conf_errors *conf_errors_new(void);
void conf_errors_free(struct conf_errors *e);

/*
 * Adds an error: the text follows the origin, `[section name] key: what is wrong (remedy)`.  What
 * was said already is not said again, and a text that is too long loses its middle.
 */
void conf_error(struct conf_errors *e, struct conf_origin at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds a warning: told, but no reason to refuse the file. */
void conf_warning(struct conf_errors *e, struct conf_origin at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* How many errors (not warnings) were reported. */
size_t conf_errors_count(const struct conf_errors *e);

/*
 * Calls `emit` for each line, in the order of files and lines, errors and warnings together, and at
 * last for `and N more errors`.
 */
void conf_errors_each(const struct conf_errors *e, void (*emit)(void *arg, bool is_error,
    const char *line), void *arg);

#endif
