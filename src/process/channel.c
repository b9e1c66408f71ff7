/*
 * channel.c - messages between the master and one worker.
 */
#include "process/channel.h"

#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* What goes over the socket; a descriptor goes beside it. */
struct wire {
	uint32_t kind;
	uint32_t index;
};

/* Aligned room for one descriptor. */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int
channel_pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds);
}

int
channel_send(int channel, const struct message *m)
{
	struct wire wire = { .kind = m->kind, .index = m->index };
	struct iovec iov = { .iov_base = &wire, .iov_len = sizeof(wire) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control = { .bytes = { 0 } };
	ssize_t n;

	if (m->fd != -1) {
		struct cmsghdr *c;

		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &m->fd, sizeof(int));
	}
	do {
		n = sendmsg(channel, &msg, MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	return n == -1 ? -1 : 0;
}

/* The descriptor that came along, or -1; where there is more than one, none is kept. */
static int
passed_fd(struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	size_t n;
	int fd;

	if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return -1;
	n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	for (size_t i = 0; i < n; i++) {
		memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
		if (n == 1)
			return fd;
		close(fd);
	}
	return -1;
}

enum channel_result
channel_receive(int channel, struct message *m)
{
	struct wire wire;
	struct iovec iov = { .iov_base = &wire, .iov_len = sizeof(wire) };
	union control control;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n;

	do {
		n = recvmsg(channel, &msg, MSG_CMSG_CLOEXEC);
	} while (n == -1 && errno == EINTR);
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return CHANNEL_EMPTY;
	if (n <= 0)
		return CHANNEL_CLOSED;
	m->fd = passed_fd(&msg);
	if (n != (ssize_t)sizeof(wire) || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
		if (m->fd != -1)
			close(m->fd);
		return CHANNEL_CLOSED;
	}
	m->kind = (enum channel_kind)wire.kind;
	m->index = wire.index;
	return CHANNEL_MESSAGE;
}
