/*
 * files.h - static files: the source of routes with `files`.
 *
 *	path ─► files_find.c ─► conditions, ranges ─► head ─► files_body.c
 *	           └─ files_root.c (openat2)    └─ http/conditional.h, http/ranges.h
 */
#ifndef USHERD_PROXY_FILES_H
#define USHERD_PROXY_FILES_H

#include "conf/snapshot.h"
#include "proxy/source.h"

struct capture_names;
struct files;

/*
 * Opens the directories of all routes with files, compiles their try_files and reads the system's
 * media types.  `names` are what try_files can name besides variables.  The snapshot must outlive
 * the result; what is wrong goes to `errors`.  files_free() ends it.
 */
struct files *files_new(const struct conf_snapshot *snapshot, const struct capture_names *names,
    struct conf_errors *errors);
void files_free(struct files *f);

/* The descriptors that a worker has to keep: their number, and `*fds`, which lives with `f`. */
unsigned files_fds(const struct files *f, const int **fds);

/* In a worker, before the first request. */
void files_start(struct files *f);

extern const struct source source_files;

#endif
