/*
 * watch.h - notices that what some paths lead to may have changed.
 *
 * Tools that renew certificates write new files and swap links, also links to directories: so every
 * directory of a path and of the targets of its links is watched, for the one name in it that
 * counts.  What cannot be watched (a file system without events, too many directories) is found at
 * the look that is taken every minute.
 */
#ifndef USHERD_PROCESS_WATCH_H
#define USHERD_PROCESS_WATCH_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/map.h"
#include "net/loop.h"

struct directory;

struct watch {
	struct loop *loop;
	struct watcher inotify;
	struct timer timer;		/* the next look */
	msec first_event_ms;		/* of those that no look followed yet; 0: none */
	struct arena arena;		/* of what follows */
	struct map directories;		/* path without links: struct directory */
	struct directory *newest;	/* of these */
	struct map links;		/* path without links but for its end: its target, or "" */
	struct map names;		/* "descriptor/name" that count */
	int *descriptors;		/* of directories that are watched */
	size_t ndescriptors;
	bool tried;			/* to open `inotify`, since watch_begin() */
	bool warned;			/* that not all can be watched */
	/* May call watch_begin() and watch_path(); from the loop, when something may have changed
	 * or a minute is over. */
	void (*look)(void *arg);
	void *arg;
};

/* Begins to call back, with nothing watched yet. */
void watch_open(struct watch *w, struct loop *loop, void (*look)(void *arg), void *arg);
void watch_close(struct watch *w);

/*
 * Replaces what is watched: watch_begin(), then watch_path() for each, then watch_end().  What
 * changes after that leads to a look, so a caller looks after it, not before.
 */
void watch_begin(struct watch *w);
void watch_path(struct watch *w, const char *path);
void watch_end(struct watch *w);

#endif
