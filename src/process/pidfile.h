/*
 * pidfile.h - the file that names the master, locked while it lives.
 */
#ifndef USHERD_PROCESS_PIDFILE_H
#define USHERD_PROCESS_PIDFILE_H

#include <sys/types.h>

struct pidfile {
	char *path;			/* NULL: there is none */
	int fd;				/* holds the lock */
};

/*
 * Locks `path` and writes the number of this process into it; NULL makes no file.  0, or -1 with
 * errno; EWOULDBLOCK when a living master has the lock, then *owner is its pid, or 0.
 */
int pidfile_open(struct pidfile *p, const char *path, pid_t *owner);

/* Removes and unlocks it. */
void pidfile_close(struct pidfile *p);

/* The pid of the living master that has `path` locked; -1 with errno, ESRCH when there is none. */
pid_t pidfile_read(const char *path);

#endif
