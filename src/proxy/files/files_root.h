/*
 * files_root.h - a directory that files are served from, and the only door to what is in it.
 *
 * The master opens it, so that neither the rights of a worker nor its chroot stand in the way of
 * the directory itself; what is in it, a worker opens with its own rights.
 */
#ifndef USHERD_PROXY_FILES_FILES_ROOT_H
#define USHERD_PROXY_FILES_FILES_ROOT_H

#include "conf/snapshot.h"

struct files_root;

/* Opens the directory; NULL after an error about `[what] files` at `at`.  `path` is kept. */
struct files_root *files_root_new(struct str path, struct conf_origin at, const char *what,
    struct conf_errors *errors);
void files_root_free(struct files_root *r);

/* What a forked process has to keep open. */
int files_root_fd(const struct files_root *r);

/*
 * Once a second a worker looks whether the path leads to another directory by now (a link to the
 * newest release, say).  Not for a worker in a chroot, where paths mean something else.
 */
void files_root_follow(struct files_root *r);

/*
 * Opens `path`, relative and NUL-terminated, "" for the root itself.  Neither "..", nor a link, nor
 * a rename at the wrong moment leads outside; nothing waits for a FIFO.  A descriptor, or -1 with
 * errno: EXDEV for what lies outside, EAGAIN when renames would not leave us alone.
 */
int files_root_open(struct files_root *r, const char *path, int flags);

#endif
