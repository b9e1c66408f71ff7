/*
 * mime.h - the media type of a file by the ending of its name.
 */
#ifndef USHERD_PROXY_FILES_MIME_H
#define USHERD_PROXY_FILES_MIME_H

#include "base/str.h"

#define MIME_FILE	"/etc/mime.types"

struct mime;

/*
 * Reads a table in the format of /etc/mime.types (`type/subtype ending ending ...`); a table of our
 * own knows what it does not have.  Without the file, or with one that cannot be read, our own is
 * all; then `*error` (0: none) has the reason.  mime_free() ends it.
 */
struct mime *mime_new(const char *path, int *error);
void mime_free(struct mime *m);

/*
 * The value for Content-Type of a file with this name or path: application/octet-stream where the
 * ending says nothing; text has its charset, UTF-8.  It lives as long as `m`.
 */
struct str mime_type(const struct mime *m, struct str name);

#endif
