/*
 * pidfile.c - the file that names the master, and the lock that there is one only.
 */
#include "process/pidfile.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/path.h"
#include "process/orphans.h"

enum { MODE = 0644, LOCK_MODE = 0600, TRIES = 10, PID_TEXT = 32 };

/* The number in the file; 0 if there is none.  -1 with errno if it cannot be read. */
static pid_t
read_pid(const char *path, uid_t *owner)
{
	int fd = path_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	struct str rest = { NULL, 0 }, line;
	char text[PID_TEXT];
	struct stat st;
	uint64_t pid;
	ssize_t n;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && (n = read(fd, text, sizeof(text))) > 0) {
		rest = str_make(text, (size_t)n);
		*owner = st.st_uid;
	}
	close(fd);
	if (!str_cut(&rest, '\n', &line) || !str_uint(line, INT32_MAX, &pid))
		return 0;
	return (pid_t)pid;
}

int
pidfile_find(const char *path, struct process_id *master)
{
	uid_t owner = 0;
	pid_t pid = read_pid(path, &owner);

	if (pid == -1)
		return -1;
	*master = orphans_find(path, pid);
	if (process_id_may_name(*master, owner) && process_id_lives(*master))
		return 0;
	errno = ESRCH;
	return -1;
}

/* ---- the lock */

/* Nobody else can have opened it: not its owner, nor by another name, nor by its mode. */
static int
make_private(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink > 1) {
		errno = EEXIST;
		return -1;
	}
	return (st.st_mode & (S_IRWXG | S_IRWXO)) == 0 ? 0 : fchmod(fd, LOCK_MODE);
}

/* Whether `path` still is the file that was opened: somebody may have removed it. */
static bool
still_there(int fd, const char *path)
{
	int again = path_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	struct stat a, b;
	bool same = again != -1 && fstat(fd, &a) == 0 && fstat(again, &b) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino;

	if (again != -1)
		close(again);
	return same;
}

/* A locked descriptor of the file at `path`, or -1 with errno. */
static int
open_locked(const char *path)
{
	for (int i = 0; i < TRIES; i++) {
		int fd = path_open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, LOCK_MODE);
		int saved;

		if (fd == -1)
			return -1;
		if (make_private(fd) == -1 || flock(fd, LOCK_EX | LOCK_NB) == -1) {
			saved = errno;
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

static int
lock(const char *path)
{
	struct buf name;
	int fd, saved;

	buf_init(&name);
	buf_printf(&name, "%s.lock", path);
	fd = open_locked(buf_text(&name));
	saved = errno;
	buf_fini(&name);
	errno = saved;
	return fd;
}

/* ---- the file */

/* With the lock held; 0, or -1 with errno. */
static int
claim(const char *path)
{
	struct process_id master;
	char text[PID_TEXT];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	/* It lives although the lock is free: somebody removed the file of the lock. */
	if (pidfile_find(path, &master) == 0 && master.pid != getpid()) {
		errno = EWOULDBLOCK;
		return -1;
	}
	/* The list first: whoever finds the number finds the start time too. */
	if (orphans_add_self(path) == -1)
		return -1;
	return path_replace(path, str_make(text, (size_t)n), MODE);
}

int
pidfile_open(struct pidfile *p, const char *path, pid_t *owner)
{
	struct process_id master;
	int saved;

	*p = (struct pidfile){ .path = NULL, .fd = -1 };
	*owner = 0;
	if (path == NULL)
		return 0;
	p->fd = lock(path);
	if (p->fd != -1 && claim(path) == 0) {
		p->path = mem_strdup(path);
		return 0;
	}
	saved = errno;
	if (saved == EWOULDBLOCK && pidfile_find(path, &master) == 0)
		*owner = master.pid;
	if (p->fd != -1)
		close(p->fd);
	p->fd = -1;
	errno = saved;
	return -1;
}

void
pidfile_close(struct pidfile *p)
{
	uid_t owner;

	if (p->fd == -1)
		return;
	if (read_pid(p->path, &owner) == getpid())
		(void)path_remove(p->path);
	close(p->fd);
	mem_free(p->path);
	*p = (struct pidfile){ .path = NULL, .fd = -1 };
}
