/*
 * pidfile.c - the file that names the master, locked while it lives.
 */
#include "process/pidfile.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

enum { MODE = 0644, TRIES = 10, PID_TEXT = 32 };

static pid_t
read_pid(int fd)
{
	char text[PID_TEXT];
	ssize_t n = pread(fd, text, sizeof(text), 0);
	struct str rest = str_make(text, n > 0 ? (size_t)n : 0), line;
	uint64_t pid;

	if (!str_cut(&rest, '\n', &line) || !str_uint(line, INT32_MAX, &pid))
		return 0;
	return (pid_t)pid;
}

/* Whether `path` still is the file that was opened: the owner before us may have removed it. */
static bool
still_there(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && lstat(path, &b) == 0 && a.st_dev == b.st_dev &&
	    a.st_ino == b.st_ino;
}

/* A locked descriptor of the file that is at `path`, or -1 with errno. */
static int
open_locked(const char *path, pid_t *owner)
{
	for (int i = 0; i < TRIES; i++) {
		int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, MODE);
		int saved;

		if (fd == -1)
			return -1;
		if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
			saved = errno;
			*owner = read_pid(fd);
			close(fd);
			errno = saved;
			return -1;
		}
		if (still_there(fd, path))
			return fd;
		close(fd);
	}
	errno = EAGAIN;
	return -1;
}

/* In place, and the end is cut off last: a reader finds one of the two numbers, never none. */
static int
write_pid(int fd)
{
	char text[PID_TEXT];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (pwrite(fd, text, (size_t)n, 0) != n)
		return -1;
	return ftruncate(fd, n);
}

int
pidfile_open(struct pidfile *p, const char *path, pid_t *owner)
{
	*p = (struct pidfile){ .path = NULL, .fd = -1 };
	*owner = 0;
	if (path == NULL)
		return 0;
	p->fd = open_locked(path, owner);
	if (p->fd == -1)
		return -1;
	p->path = mem_strdup(path);
	if (write_pid(p->fd) == -1) {
		int saved = errno;

		pidfile_close(p);
		errno = saved;
		return -1;
	}
	return 0;
}

void
pidfile_close(struct pidfile *p)
{
	if (p->fd == -1)
		return;
	if (still_there(p->fd, p->path))
		unlink(p->path);
	close(p->fd);
	mem_free(p->path);
	*p = (struct pidfile){ .path = NULL, .fd = -1 };
}

pid_t
pidfile_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	pid_t pid;

	if (fd == -1)
		return -1;
	/* A lock that can be had means that nobody holds it. */
	if (flock(fd, LOCK_SH | LOCK_NB) == 0) {
		close(fd);
		errno = ESRCH;
		return -1;
	}
	pid = read_pid(fd);
	close(fd);
	if (pid <= 1) {
		errno = ESRCH;
		return -1;
	}
	return pid;
}
