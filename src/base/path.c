/*
 * path.c - uses files without following links that another user could have placed.
 */
#include "base/path.h"

#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>


enum {
	LINKS_MAX = 40,			/* as the kernel follows */
	DIRECTORY = O_PATH | O_DIRECTORY | O_CLOEXEC,
};

/* On the way along a path. */
struct walk {
	int links;			/* that were followed */
	bool *shared;			/* set by a directory of others; NULL: nobody asks */
};

static void
close_keeping_errno(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

/* Whether only root can put something into the directory. */
static bool
is_roots(const struct stat *dir)
{
	return dir->st_uid == 0 && (dir->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static bool
may_follow(int dir, const char *name)
{
	struct stat d, link;

	if (geteuid() != 0)
		return true;
	if (fstat(dir, &d) == -1 || fstatat(dir, name, &link, AT_SYMLINK_NOFOLLOW) == -1)
		return false;
	return is_roots(&d) ||
	    (d.st_uid == 0 && (d.st_mode & S_ISVTX) != 0 && link.st_uid == 0);
}

static bool
is_link(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

/* Links in /proc are the kernel's: what they lead to may have no path. */
static bool
is_kernels(int dir)
{
	struct statfs fs;

	return fstatfs(dir, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* Whether another user could put something else in the place of a directory in this one. */
static bool
is_shared(int dir)
{
	struct stat d;

	if (geteuid() != 0)
		return false;
	return fstat(dir, &d) == -1 ||
	    !(is_roots(&d) || (d.st_uid == 0 && (d.st_mode & S_ISVTX) != 0));
}

/* Where the link leads that may be followed; false with errno. */
static bool
read_link(int dir, const char *name, char target[PATH_MAX], struct walk *w)
{
	ssize_t n;

	if (++w->links > LINKS_MAX || !may_follow(dir, name)) {
		errno = ELOOP;
		return false;
	}
	n = readlinkat(dir, name, target, PATH_MAX - 1);
	if (n == -1)
		return false;
	target[n] = '\0';
	return true;
}

static int walk(int from, struct str path, struct walk *w);

/* Opens the directory of that name in another one. */
static int
step(int dir, const char *name, struct walk *w)
{
	int fd = openat(dir, name, DIRECTORY | O_NOFOLLOW);
	char target[PATH_MAX];

	if (fd != -1 || errno != ENOTDIR)
		return fd;
	if (!is_link(dir, name)) {
		errno = ENOTDIR;
		return -1;
	}
	if (!read_link(dir, name, target, w))
		return -1;
	return is_kernels(dir) ? openat(dir, name, DIRECTORY) : walk(dir, str_of(target), w);
}

/* Opens the directory at that path, which begins at `from`. */
static int
walk(int from, struct str path, struct walk *w)
{
	int dir = openat(from, str_starts(path, STR_OF("/")) ? "/" : ".", DIRECTORY), next;
	char name[NAME_MAX + 1];
	struct str part;

	while (dir != -1 && str_cut(&path, '/', &part)) {
		if (part.n == 0)
			continue;
		if (part.n > NAME_MAX) {
			close(dir);
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(name, part.p, part.n);
		name[part.n] = '\0';
		if (w->shared != NULL && is_shared(dir))
			*w->shared = true;
		next = step(dir, name, w);
		close_keeping_errno(dir);
		dir = next;
	}
	return dir;
}

/* Opens the directory of the last name of the path, which begins at `from`. */
static int
open_dir(int from, const char *path, const char **name, struct walk *w)
{
	const char *slash = strrchr(path, '/');

	*name = slash != NULL ? slash + 1 : path;
	return walk(from, str_make(path, (size_t)(*name - path)), w);
}

int
path_dir(const char *path, const char **name, bool *shared)
{
	struct walk w = { .shared = shared };

	if (shared != NULL)
		*shared = false;
	return open_dir(AT_FDCWD, path, name, &w);
}

/* Through another name of somebody's file, a hard link, root would write what it does not mean. */
static bool
may_write(int fd, int dir)
{
	struct stat file, d;

	if (geteuid() != 0)
		return true;
	if (fstat(fd, &file) == -1 || fstat(dir, &d) == -1)
		return false;
	return !S_ISREG(file.st_mode) || file.st_nlink <= 1 || is_roots(&d);
}

static int
open_in(int dir, const char *name, int flags, mode_t mode)
{
	int fd = openat(dir, name, flags | O_CLOEXEC, mode);

	if (fd == -1 || (flags & O_ACCMODE) == O_RDONLY || may_write(fd, dir))
		return fd;
	close(fd);
	errno = EMLINK;
	return -1;
}

/*
 * Most paths have no links, and the kernel can tell in one call, which matters to 10,000
 * certificates; those before 5.6 cannot.  True if `*fd`, or errno, is what comes of it.
 */
static bool
open_without_links(const char *path, int flags, int *fd)
{
	const struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_NO_SYMLINKS,
	};

	if ((flags & (O_ACCMODE | O_CREAT)) != O_RDONLY)
		return false;
	*fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	return *fd != -1 || errno == ENOENT || errno == EACCES;
}

int
path_open(const char *path, int flags, mode_t mode)
{
	char texts[2][PATH_MAX];
	struct walk w = { .links = 0 };
	int from = AT_FDCWD, fd, dir;
	const char *name;

	if (open_without_links(path, flags, &fd))
		return fd;
	for (int i = 0;; i = !i) {
		dir = open_dir(from, path, &name, &w);
		if (from != AT_FDCWD)
			close_keeping_errno(from);
		if (dir == -1)
			return -1;
		fd = -1;
		if ((flags & O_NOFOLLOW) != 0 || !is_link(dir, name)) {
			fd = open_in(dir, name, flags | O_NOFOLLOW, mode);
			break;
		}
		if (!read_link(dir, name, texts[i], &w))
			break;
		if (is_kernels(dir)) {
			fd = open_in(dir, name, flags, mode);
			break;
		}
		path = texts[i];
		from = dir;
	}
	close_keeping_errno(dir);
	return fd;
}

static int
write_new(int dir, const char *name, struct str text, mode_t mode)
{
	int fd, saved;
	ssize_t n;

	/* What a process left that died while it wrote. */
	if (unlinkat(dir, name, 0) == -1 && errno != ENOENT)
		return -1;
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd == -1)
		return -1;
	n = write(fd, text.p, text.n);
	saved = n >= 0 ? ENOSPC : errno;
	close(fd);
	if (n == (ssize_t)text.n)
		return 0;
	unlinkat(dir, name, 0);
	errno = saved;
	return -1;
}

int
path_replace(const char *path, struct str text, mode_t mode)
{
	const char *name;
	int dir = path_dir(path, &name, NULL), result = -1;
	char next[NAME_MAX + 1];

	if (dir == -1)
		return -1;
	if (snprintf(next, sizeof(next), "%s.new", name) >= (int)sizeof(next))
		errno = ENAMETOOLONG;
	else if (write_new(dir, next, text, mode) == 0)
		result = renameat(dir, next, dir, name);
	close_keeping_errno(dir);
	return result;
}

int
path_remove(const char *path)
{
	const char *name;
	int dir = path_dir(path, &name, NULL), result;

	if (dir == -1)
		return -1;
	result = unlinkat(dir, name, 0);
	close_keeping_errno(dir);
	return result;
}

const char *
path_error(int error)
{
	if (error == ELOOP)
		return "a symbolic link on the way could be another user's, and root does not "
		    "follow it (write the path that it leads to)";
	if (error == EMLINK)
		return "has another name, a hard link, in a directory that root shares with other "
		    "users (remove one of them)";
	return strerror(error);
}
