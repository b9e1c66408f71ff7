/*
 * plain.c - the transport of an unencrypted socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "base/check.h"
#include "net/socket.h"
#include "net/transport.h"

enum {
	IOV_MAX_SEND = 16,
	DISCARD_BYTES = 65536,
};

/* What a failed read means. */
static ssize_t
read_failed(struct transport *t)
{
	if (errno == EAGAIN || errno == EINTR) {
		if (errno == EAGAIN)
			t->watcher.ready &= ~READY_READ;
		return IO_AGAIN;
	}
	return IO_ERROR;
}

static ssize_t
plain_recv(struct transport *t, struct iovec *iov, int n)
{
	size_t room = iov[0].iov_len;
	ssize_t got;

	if (n == 1) {
		got = recv(t->watcher.fd, iov->iov_base, iov->iov_len, 0);
	} else {
		struct msghdr m = { .msg_iov = iov, .msg_iovlen = (size_t)n };

		for (int i = 1; i < n; i++)
			room += iov[i].iov_len;
		got = recvmsg(t->watcher.fd, &m, 0);
	}
	if (got < 0)
		return read_failed(t);
	/* A short read emptied the socket; the next byte is a new event (epoll(7)).  After a
	 * hang-up there may be no new event, so the end has to be read. */
	if ((size_t)got < room && !(t->watcher.ready & (READY_EOF | READY_ERROR)))
		t->watcher.ready &= ~READY_READ;
	return got;
}

ssize_t
transport_discard(struct transport *t)
{
	static char bytes[DISCARD_BYTES];

	return plain_recv(t, &(struct iovec){ bytes, sizeof(bytes) }, 1);
}

/* Sends the leading memory segments. */
static ssize_t
send_memory(struct transport *t, struct chain *out, size_t *wanted)
{
	struct iovec iov[IOV_MAX_SEND];
	int n = chain_iov(out, iov, IOV_MAX_SEND, wanted);
	int flags = MSG_NOSIGNAL | (*wanted < out->len ? MSG_MORE : 0);
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = (size_t)n };

	if (n == 1)
		return send(t->watcher.fd, iov[0].iov_base, iov[0].iov_len, flags);
	return sendmsg(t->watcher.fd, &m, flags);
}

static ssize_t
send_pipe(struct transport *t, struct seg *seg, size_t *wanted, bool more)
{
	struct pipe *p = seg->arg;
	unsigned flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | (more ? SPLICE_F_MORE : 0);
	ssize_t n;

	*wanted = seg->len;
	n = splice(p->read_fd, NULL, t->watcher.fd, NULL, seg->len, flags);
	if (n > 0)
		p->held -= (size_t)n;
	return n;
}

static ssize_t
send_first(struct transport *t, struct chain *out, size_t *wanted)
{
	struct seg *seg = out->first;
	off_t offset = seg->offset;

	switch (seg->kind) {
	case SEG_PIPE:
		return send_pipe(t, seg, wanted, out->len > seg->len);
	case SEG_FILE:
		*wanted = seg->len;
		return sendfile(t->watcher.fd, seg->fd, &offset, seg->len);
	default:
		return send_memory(t, out, wanted);
	}
}

static ssize_t
plain_send(struct transport *t, struct chain *out, bool last)
{
	size_t total = 0;

	(void)last;
	while (!chain_empty(out)) {
		size_t wanted = 0;
		ssize_t n = send_first(t, out, &wanted);

		if (n < 0 && errno == EINTR)
			continue;
		t->untold = total > 0;
		if (n < 0 && errno != EAGAIN)
			return IO_ERROR;
		if (n == 0) {
			errno = EIO;	/* a file that shrank; bytes missing from a pipe */
			return IO_ERROR;
		}
		if (n < 0) {
			t->watcher.ready &= ~READY_WRITE;
			break;
		}
		chain_drop(out, (size_t)n);
		total += (size_t)n;
		/* A short write of memory means a full socket; sendfile, splice may stop early. */
		if ((size_t)n < wanted && (out->first->kind & (SEG_MEM | SEG_EXT))) {
			t->watcher.ready &= ~READY_WRITE;
			break;
		}
	}
	t->untold = false;
	return (ssize_t)total;
}

static ssize_t
plain_splice(struct transport *t, struct pipe *p, size_t max)
{
	ssize_t n = splice(t->watcher.fd, NULL, p->write_fd, NULL, max,
	    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n < 0)
		return read_failed(t);
	p->held += (size_t)n;
	return n;
}

static void
plain_shutdown(struct transport *t)
{
	(void)shutdown(t->watcher.fd, SHUT_WR);
}

static void
plain_close(struct transport *t, bool reset)
{
	if (t->watcher.fd >= 0 && reset)
		socket_reset_on_close(t->watcher.fd);
	loop_close(t->loop, &t->watcher);
}

const struct transport_ops transport_plain_ops = {
	.kinds = SEG_MEM | SEG_EXT | SEG_FILE | SEG_PIPE,
	.recv = plain_recv,
	.send = plain_send,
	.splice = plain_splice,
	.shutdown = plain_shutdown,
	.close = plain_close,
};

int
transport_open_plain(struct transport *t, struct loop *loop, int fd,
    void (*on_ready)(struct watcher *))
{
	t->ops = &transport_plain_ops;
	t->loop = loop;
	t->tls = NULL;
	t->ended = t->untold = false;
	watcher_init(&t->watcher, on_ready);
	return loop_watch(loop, &t->watcher, fd);
}
