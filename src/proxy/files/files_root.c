/*
 * files_root.c - a directory that files are served from, and the only door to what is in it.
 */
#include "proxy/files/files_root.h"

#include <linux/openat2.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum { FOLLOW_MS = 1000, TRIES = 16 };

struct files_root {
	struct str path;
	int fd;
	bool follows;
	msec followed_ms;		/* when the path was last looked up */
};

static int
open_beneath(int fd, const char *path, int flags)
{
	const struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, fd, path[0] != '\0' ? path : ".", &how, sizeof(how));
}

static int
open_root(struct str path)
{
	return open(path.p, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Kernels before 5.6, and some sandboxes, have no openat2(): nothing else is safe. */
static bool
has_openat2(int root)
{
	int fd = open_beneath(root, "", O_PATH | O_DIRECTORY);

	if (fd >= 0)
		close(fd);
	return fd >= 0 || (errno != ENOSYS && errno != EPERM);
}

struct files_root *
files_root_new(struct str path, struct conf_origin at, const char *what,
    struct conf_errors *errors)
{
	struct files_root *r;
	int fd = open_root(path);

	if (fd == -1) {
		conf_error(errors, at, "%s files: %.*s: %s (make the directory, or correct the"
		    " path)", what, STR_ARG(path), strerror(errno));
		return NULL;
	}
	if (!has_openat2(fd)) {
		conf_error(errors, at, "%s files: openat2: %s (Linux 5.6 or later is needed, and a"
		    " sandbox has to allow it)", what, strerror(errno));
		close(fd);
		return NULL;
	}
	r = MEM_NEW(struct files_root);
	r->path = path;
	r->fd = fd;
	return r;
}

void
files_root_free(struct files_root *r)
{
	if (r == NULL)
		return;
	close(r->fd);
	mem_free(r);
}

int
files_root_fd(const struct files_root *r)
{
	return r->fd;
}

void
files_root_follow(struct files_root *r)
{
	r->follows = true;
}

/* A path that leads nowhere, or where this worker may not go, changes nothing. */
static void
look_again(struct files_root *r)
{
	int fd;

	if (!r->follows || clock_ms() - r->followed_ms < FOLLOW_MS)
		return;
	r->followed_ms = clock_ms();
	fd = open_root(r->path);
	if (fd == -1)
		return;
	close(r->fd);
	r->fd = fd;
}

int
files_root_open(struct files_root *r, const char *path, int flags)
{
	int fd = -1;

	look_again(r);
	if ((flags & O_PATH) == 0)
		flags |= O_NONBLOCK | O_NOCTTY;
	/* The kernel gives up with EAGAIN when something was renamed while it followed "..". */
	for (int i = 0; i < TRIES; i++) {
		fd = open_beneath(r->fd, path, flags);
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd;
}
