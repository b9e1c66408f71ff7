/*
 * log_file.c - whole lines to a descriptor that several processes share, without ever waiting.
 */
#include "proxy/log/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A pipe that came as standard output is shared with strangers, so it must not be made
 * non-blocking; opened again it has flags of its own.
 */
static int
reopen_pipe(int fd)
{
	char path[32];
	int own;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (own == -1)
		return fd;
	close(fd);
	return own;
}

void
log_file_open(struct log_file *f, int fd)
{
	struct stat st;

	*f = (struct log_file){ .fd = fd };
	if (fd == -1 || fstat(fd, &st) == -1)
		return;
	f->stream = S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(fd);
	if (S_ISFIFO(st.st_mode))
		f->fd = reopen_pipe(fd);
}

void
log_file_close(struct log_file *f)
{
	if (f->fd != -1)
		close(f->fd);
	f->fd = -1;
}

/* The length of the whole lines at the beginning of `n` bytes. */
static size_t
whole_lines(const char *p, size_t n)
{
	const char *end = n > 0 ? memrchr(p, '\n', n) : NULL;

	return end != NULL ? (size_t)(end - p) + 1 : 0;
}

/*
 * A disk that got full has taken a part of a line: cuts it off again.  That is safe only as long
 * as nobody else appended since the size was `before`; the disk being full they hardly can.
 */
static bool
take_back(int fd, off_t before, size_t written, size_t whole)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_size == before + (off_t)written &&
	    ftruncate(fd, before + (off_t)whole) == 0;
}

static size_t
write_file(struct log_file *f, const char *p, size_t n)
{
	struct stat before;
	bool known = fstat(f->fd, &before) == 0;
	size_t done = 0, whole;
	int error;

	while (done < n) {
		ssize_t k = write(f->fd, p + done, n - done);

		if (k > 0)
			done += (size_t)k;
		else if (k == 0 || errno != EINTR)
			break;
	}
	error = errno;
	whole = whole_lines(p, done);
	if (whole < done && !(known && take_back(f->fd, before.st_size, done, whole)))
		f->torn = true;
	errno = error;
	return whole;
}

/* A stream that is writable has room for LOG_PIPE_WRITE bytes, so the write will not wait. */
static ssize_t
write_ready(int fd, const char *p, size_t n)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };

	if (poll(&ready, 1, 0) == 1)
		return write(fd, p, n);
	errno = EAGAIN;
	return -1;
}

static size_t
write_stream(struct log_file *f, const char *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		size_t left = n - done;
		size_t piece = left > LOG_PIPE_WRITE ? LOG_PIPE_WRITE : left;
		ssize_t k;

		if (whole_lines(p + done, piece) > 0)
			piece = whole_lines(p + done, piece);
		k = write_ready(f->fd, p + done, piece);
		if (k == -1 && errno == EINTR)
			continue;
		if (k == -1)
			break;
		if ((size_t)k < piece) {
			size_t whole = whole_lines(p + done, (size_t)k);

			f->torn = whole < (size_t)k;
			errno = EAGAIN;
			return done + whole;
		}
		done += piece;
	}
	return done;
}

size_t
log_file_write(struct log_file *f, const char *lines, size_t n)
{
	/* What could not be finished ends here, so that it spoils no other line. */
	if (f->torn && write_ready(f->fd, "\n", 1) != 1)
		return 0;
	f->torn = false;
	return f->stream ? write_stream(f, lines, n) : write_file(f, lines, n);
}
