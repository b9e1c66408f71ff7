/*
 * file.h - the lines of an INI file, by way of libinih.
 */
#ifndef USHERD_CONF_FILE_H
#define USHERD_CONF_FILE_H

#include "base/arena.h"
#include "base/str.h"
#include "conf/error.h"

/* What conf_file_scan() finds.  The texts are NUL-terminated and live in the arena. */
struct conf_file_events {
	/* A heading `[heading]`; also for one that holds no line. */
	void (*section)(void *arg, struct str heading, struct conf_origin at);
	/* A line under the last heading that was given. */
	void (*line)(void *arg, struct str key, struct str value, struct conf_origin at);
	void *arg;
};

/*
 * Scans `text`, which lives in `arena` and is cut up in place; text.p[text.n] must be writable.
 * Lines of any length are fine; comments are whole lines.  What cannot be read is an error with
 * its line, and the scan goes on.  Lines under a heading that cannot be read are skipped.
 */
void conf_file_scan(struct str text, struct arena *arena, const char *file,
    const struct conf_file_events *events, struct conf_errors *errors);

/*
 * The content of a file or pipe of at most `max` bytes, with a NUL behind it; lives in `arena`.
 * Absent when it cannot be read: then `*why` says so in words.
 */
struct str conf_file_read(struct arena *arena, const char *path, size_t max, const char **why);

#endif
