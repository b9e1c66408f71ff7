/*
 * ask.c - one request over the control socket, and its answer.
 */
#include "ctl/ask.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "process/control_protocol.h"

enum {
	PIECE = 65536,
	PATIENCE_S = 120,		/* longer than the workers of a reload may take to start */
};

static void
complain(const char *path, const char *what)
{
	const char *remedy = "";

	if (errno == EAGAIN)
		errno = ETIMEDOUT;
	if (errno == ENOENT || errno == ECONNREFUSED)
		remedy = " (is usherd running, with this socket in its [admin]?)";
	else if (errno == EACCES)
		remedy = " (root may use it, and the group of [global] if one is set)";
	fprintf(stderr, "usherctl: %s: %s%s%s%s\n", path, what, what[0] != '\0' ? ": " : "",
	    strerror(errno), remedy);
}

/* The connected socket, or -1 after a message. */
static int
open_socket(const char *path)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* A master that stands still must not hold up scripts for ever. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (strlen(path) >= sizeof(un.sun_path)) {
		errno = ENAMETOOLONG;
		complain(path, "");
	} else {
		memcpy(un.sun_path, path, strlen(path));
		if (fd != -1 && connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0)
			return fd;
		complain(path, "");
	}
	if (fd != -1)
		close(fd);
	return -1;
}

static int
send_all(int fd, struct str s)
{
	while (s.n > 0) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);

		if (n == -1 && errno != EINTR)
			return -1;
		if (n > 0)
			s = str_skip(s, (size_t)n);
	}
	return 0;
}

static int
receive_all(int fd, struct buf *to)
{
	for (;;) {
		ssize_t n = recv(fd, buf_room(to, PIECE), PIECE, 0);

		if (n == 0)
			return 0;
		if (n > 0)
			to->n += (size_t)n;
		else if (errno != EINTR)
			return -1;
	}
}

/* Takes the first line off the answer; -1 if it is none of the known words. */
static int
cut_result(struct buf *text)
{
	struct str rest = buf_view(text), word;
	size_t n;

	if (!str_cut(&rest, '\n', &word) || rest.p == NULL)
		return -1;
	for (int result = 0; result < CONTROL_RESULTS; result++) {
		if (!str_eq(word, str_of(control_result_words[result])))
			continue;
		n = rest.n;
		memmove(text->p, rest.p, n);
		text->n = n;
		return result;
	}
	return -1;
}

int
ask(const char *path, struct str request, struct buf *text)
{
	int fd = open_socket(path), result = -1;

	if (fd == -1)
		return -1;
	/* A refusal may come before all is sent. */
	(void)send_all(fd, request);
	if (receive_all(fd, text) == -1 && text->n == 0)
		complain(path, "no answer");
	else if ((result = cut_result(text)) == -1)
		fprintf(stderr, "usherctl: %s: no answer of usherd\n", path);
	close(fd);
	return result;
}
