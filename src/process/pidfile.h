/*
 * pidfile.h - the file that names the master, and the lock that there is one only.
 *
 *	PIDFILE			the pid, for everybody to read; never locked, as any reader could
 *	PIDFILE.lock		locked while the master lives; only its user can open it; stays
 *	PIDFILE.workers		pids and start times, see orphans.h
 */
#ifndef USHERD_PROCESS_PIDFILE_H
#define USHERD_PROCESS_PIDFILE_H

#include "process/process_id.h"

struct pidfile {
	char *path;			/* NULL: there is none */
	int fd;				/* holds the lock */
};

/*
 * Locks PIDFILE.lock and writes PIDFILE and a line of PIDFILE.workers; a NULL path makes none.  0,
 * or -1 with errno; EWOULDBLOCK when there is a living master, then *owner is its pid, or 0 if the
 * files do not name it, as it is just starting or ending; EEXIST when the lock is a file of another
 * user, who could hold it for ever.
 */
int pidfile_open(struct pidfile *p, const char *path, pid_t *owner);

/* Removes and unlocks it. */
void pidfile_close(struct pidfile *p);

/*
 * The master that the files name.  0, or -1 with errno, ESRCH when it does not live: no process has
 * the pid, the start time and the program.
 */
int pidfile_find(const char *path, struct process_id *master);

#endif
