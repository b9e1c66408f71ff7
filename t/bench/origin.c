/*
 * The origin of make bench: GET /N answers with N bytes, anything with a body is read and counted.
 * One thread, keep-alive, no checks beyond what the benchmark sends: it must cost little.
 */

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define BODY_MAX (4 << 20)
#define IN_MAX 65536

struct conn {
	int fd;
	size_t in_len;		/* bytes of a head that is not complete yet */
	size_t body_left;	/* of the request */
	char head[256];		/* of the response */
	size_t out_at, head_len, out_len;
	char in[IN_MAX];
};

static char body[BODY_MAX];

/* Sends what is left of the response; returns 1 when all is out, 0 for later, -1 on an error. */
static int
conn_send(struct conn *c)
{
	while (c->out_at < c->out_len) {
		struct iovec iov[2];
		size_t body_at;
		ssize_t n;
		int i = 0;

		if (c->out_at < c->head_len) {
			iov[i].iov_base = c->head + c->out_at;
			iov[i++].iov_len = c->head_len - c->out_at;
		}
		body_at = c->out_at > c->head_len ? c->out_at - c->head_len : 0;
		iov[i].iov_base = body + body_at;
		iov[i++].iov_len = c->out_len - c->head_len - body_at;
		n = writev(c->fd, iov, i);
		if (n == -1)
			return errno == EAGAIN ? 0 : -1;
		c->out_at += (size_t)n;
	}
	return 1;
}

static void
conn_answer(struct conn *c, size_t size)
{
	c->head_len = (size_t)snprintf(c->head, sizeof(c->head),
	    "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
	    "Content-Length: %zu\r\n\r\n", size);
	c->out_at = 0;
	c->out_len = c->head_len + size;
}

/* Takes a complete head off the input; returns 1 if there was one. */
static int
conn_head(struct conn *c)
{
	char *end, *length;
	size_t head_len, size;

	c->in[c->in_len] = '\0';
	end = strstr(c->in, "\r\n\r\n");
	if (end == NULL)
		return 0;
	head_len = (size_t)(end - c->in) + 4;
	*end = '\0';
	length = strcasestr(c->in, "\ncontent-length:");
	c->body_left = length != NULL ? strtoul(length + 16, NULL, 10) : 0;
	size = strncmp(c->in, "GET /", 5) == 0 ? strtoul(c->in + 5, NULL, 10) : 2;
	conn_answer(c, size <= BODY_MAX ? size : BODY_MAX);
	c->in_len -= head_len;
	memmove(c->in, c->in + head_len, c->in_len);
	return 1;
}

/* Handles what has been read; returns -1 when the connection is over. */
static int
conn_work(struct conn *c)
{
	for (;;) {
		size_t n;
		int sent;

		n = c->in_len < c->body_left ? c->in_len : c->body_left;
		c->in_len -= n;
		c->body_left -= n;
		memmove(c->in, c->in + n, c->in_len);
		if (c->body_left > 0)
			return 0;
		sent = conn_send(c);
		if (sent != 1)
			return sent;
		c->out_len = c->out_at = 0;
		if (!conn_head(c))
			return c->in_len < IN_MAX - 1 ? 0 : -1;
	}
}

static int
conn_event(struct conn *c)
{
	for (;;) {
		ssize_t n;

		if (conn_work(c) == -1)
			return -1;
		if (c->in_len == IN_MAX - 1)
			return 0;
		n = read(c->fd, c->in + c->in_len, IN_MAX - 1 - c->in_len);
		if (n == 0)
			return -1;
		if (n == -1)
			return errno == EAGAIN ? 0 : -1;
		c->in_len += (size_t)n;
		if (c->in_len < IN_MAX - 1 && c->body_left == 0)
			return conn_work(c);
	}
}

static void
accept_all(int listener, int ep)
{
	int fd, on = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) != -1) {
		struct conn *c = calloc(1, sizeof(*c));
		struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (c == NULL || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == -1) {
			free(c);
			close(fd);
			continue;
		}
		c->fd = fd;
	}
}

static int
listen_on(uint16_t port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd, on = 1;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 || listen(fd, 4096) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

int
main(int argc, char **argv)
{
	struct epoll_event evs[256];
	struct epoll_event ev = {.events = EPOLLIN};
	int ep, listener;

	if (argc != 2) {
		fprintf(stderr, "usage: origin PORT\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	memset(body, 'x', sizeof(body));
	listener = listen_on((uint16_t)atoi(argv[1]));
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (listener == -1 || ep == -1 || epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev) == -1) {
		perror("origin");
		return 1;
	}
	for (;;) {
		int i, n = epoll_wait(ep, evs, 256, -1);

		for (i = 0; i < n; i++) {
			struct conn *c = evs[i].data.ptr;

			if (c == NULL) {
				accept_all(listener, ep);
			} else if (conn_event(c) == -1) {
				close(c->fd);
				free(c);
			}
		}
	}
}
