/*
 * files_entries.h - what is in a directory: read in pieces, given in order.
 *
 *	readdir(), stat ─► heap ─► directories, then files, by name
 *
 * The heap spreads the work of sorting over both ends, so that no piece of it takes long.  It is
 * one of pointers to names and little more, as it is held while a client reads the list.
 */
#ifndef USHERD_PROXY_FILES_FILES_ENTRIES_H
#define USHERD_PROXY_FILES_FILES_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include "proxy/files/files_root.h"

enum {
	FILES_ENTRIES_MAX = 10000,			/* 0.6 MB; 3 MB with the longest names */
	FILES_ENTRIES_SEEN = 2 * FILES_ENTRIES_MAX,	/* those that are left out included */
};

struct files_entries;

struct files_entry {
	off_t size;
	time_t changed;
	bool is_dir;
	char name[];			/* NUL-terminated */
};

enum files_entries_result { ENTRIES_MORE, ENTRIES_COMPLETE, ENTRIES_FAILED };

/*
 * For the directory `name` below `root`, open as `fd`, which is taken over; both must outlive the
 * result.  NULL with errno.
 */
struct files_entries *files_entries_new(struct files_root *root, struct str name, int fd);
void files_entries_free(struct files_entries *e);

/*
 * Looks at up to `n` more entries.  Regular files and directories count, but for names that cannot
 * be asked for; links count as what they lead to.  FAILED with errno.  Not to be called again once
 * it was COMPLETE, which closes the directory.
 */
enum files_entries_result files_entries_read(struct files_entries *e, unsigned n);

/* True when a limit above ended it before the directory did. */
bool files_entries_cut(const struct files_entries *e);

/* Once complete: the next one, which lives until files_entries_free(); NULL: no more. */
const struct files_entry *files_entries_take(struct files_entries *e);
bool files_entries_empty(const struct files_entries *e);

/* The memory that it holds: all entries, taken or not, and the directory until it is COMPLETE. */
size_t files_entries_bytes(const struct files_entries *e);

#endif
