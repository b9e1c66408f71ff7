/*
 * files_find.h - which file a request means: try_files, indices, compressed neighbours.
 */
#ifndef USHERD_PROXY_FILES_FILES_FIND_H
#define USHERD_PROXY_FILES_FILES_FIND_H

#include <sys/stat.h>

#include "proxy/exchange.h"
#include "proxy/files/files_root.h"
#include "proxy/text/template.h"

/* A route with `files`, compiled. */
struct files_site {
	const struct conf_route *conf;
	struct files_root *root;		/* routes with the same directory share it */
	struct template **try_files;
	unsigned ntry_files;
	int try_status;				/* when none of them exists, and no backend is
						 * behind them */
	struct str codings[CONF_CODINGS];	/* of neighbours, best first: "br" ... */
	const char *endings[CONF_CODINGS];	/* ".br" ... */
	unsigned ncodings;
};

enum files_result {
	FILES_FILE,
	FILES_LIST,		/* a directory whose content is to be shown */
	FILES_REDIRECT,		/* a directory, asked for without its slash */
	FILES_REFUSED,
	FILES_NONE,		/* none of try_files is there: the backend behind them has it */
};

struct files_found {
	int fd;			/* FILE, LIST: open, now the caller's */
	struct stat st;		/* FILE */
	struct str name;	/* FILE, LIST: below the root, NUL-terminated */
	struct str coding;	/* FILE: Content-Encoding; absent: none */
	int status;		/* REFUSED: what to answer, */
	const char *why;	/* the word for logs, */
	const char *text;	/* and what is wrong */
};

enum files_result files_find(struct exchange *x, const struct files_site *site,
    struct files_found *found);

/*
 * The name below the root that a normalised path stands for: without its first slash, escapes
 * decoded, NUL-terminated.  Absent for one that no file may have: with an encoded slash or
 * backslash, or a segment that begins with a dot, but for a first one that is `.well-known`.
 */
struct str files_name(struct arena *arena, struct str path);

#endif
