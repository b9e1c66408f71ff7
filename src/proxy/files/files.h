/*
 * files.h - static files: the source of routes with `files`.
 *
 *	path ─┬► files_find.c ─► conditions, ranges ─► head ─► files_body.c
 *	      │    └─ files_root.c (openat2)    └─ http/conditional.h, http/ranges.h
 *	      ├► files_list.c: a directory
 *	      └► nothing there: the backend behind try_files
 */
#ifndef USHERD_PROXY_FILES_H
#define USHERD_PROXY_FILES_H

#include "conf/snapshot.h"
#include "proxy/exchange.h"

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

/* True for requests that a file can be the answer to: GET and HEAD. */
bool files_reads(const struct exchange *x);

/*
 * Finds the file, or directory, that a GET or HEAD means.  Declines what is not there, and other
 * methods, if the route has a backend behind try_files.
 */
extern const struct source source_files;

#endif
