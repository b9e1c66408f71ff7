/*
 * path.h - uses files without following links that another user could have placed.
 *
 * Root must not be led to other files than those it means.  So for root a symbolic link counts only
 * where nobody else could have made it: in a directory that root owns and that only root may write,
 * or, where such a directory is sticky, if the link is root's own.  That holds for each name of a
 * path.  Other users cannot be led to files that they may not open, so they follow every link.
 * Links in /proc are the kernel's and are followed too.
 */
#ifndef USHERD_BASE_PATH_H
#define USHERD_BASE_PATH_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/str.h"

/*
 * As open(), with O_CLOEXEC.  -1 with errno; ELOOP where a link is not followed, EMLINK where a
 * file that is to be written has other names, and another user could have made this one.
 */
int path_open(const char *path, int flags, mode_t mode);

/*
 * Opens the directory of the last name of a path, for openat() and the like with O_NOFOLLOW, and
 * points `*name` at that name, in `path`.  -1 with errno.  Unless `shared` is NULL, it tells
 * whether another user could lead the path elsewhere at any time: then the descriptor is the only
 * safe way.
 */
int path_dir(const char *path, const char **name, bool *shared);

/* Writes a file in one step, by way of `path`.new.  0, or -1 with errno; then it is as before. */
int path_replace(const char *path, struct str text, mode_t mode);

/* Removes a name; 0, or -1 with errno. */
int path_remove(const char *path);

/* What went wrong with one of these, in words. */
const char *path_error(int error);

#endif
