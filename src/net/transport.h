/*
 * transport.h - bytes to and from a peer; above it nobody knows whether they are encrypted.
 *
 *	h1_front, h1_back ─► transport ─► plain socket
 *	                              └─► TLS (tls_server.h, tls_client.h)
 */
#ifndef USHERD_NET_TRANSPORT_H
#define USHERD_NET_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/chain.h"
#include "net/loop.h"
#include "net/pipe.h"

struct transport;
struct tls_conn;

/* Results of reading besides a number of bytes. */
enum { IO_EOF = 0, IO_AGAIN = -1, IO_ERROR = -2 };

struct transport_ops {
	unsigned kinds;			/* SEG_ kinds that send() takes */
	ssize_t (*recv)(struct transport *t, struct iovec *iov, int n);
	ssize_t (*send)(struct transport *t, struct chain *out, bool last);
	ssize_t (*splice)(struct transport *t, struct pipe *p, size_t max);
	void (*shutdown)(struct transport *t);
	void (*close)(struct transport *t, bool reset);
	int (*handshake)(struct transport *t);	/* NULL: there is none */
	int (*look)(struct transport *t);	/* NULL: READY_EOF tells all */
};

struct transport {
	const struct transport_ops *ops;
	struct loop *loop;
	struct watcher watcher;
	struct tls_conn *tls;		/* NULL: plain */
	bool ended;			/* the peer said so: close_notify */
	bool untold;			/* the kernel took bytes that no transport_send() told of */
};

extern const struct transport_ops transport_plain_ops;

/*
 * Takes over a connected or connecting socket; `on_ready` is called as loop.h says.  -1 with errno
 * when it cannot be watched: the descriptor then stays the caller's.
 */
int transport_open_plain(struct transport *t, struct loop *loop, int fd,
    void (*on_ready)(struct watcher *));

/*
 * Goes on with the handshake, where there is one: 1 when it is complete, IO_AGAIN while the peer is
 * to say more (a new event tells), IO_ERROR with errno.  Reading and sending do it too.
 */
static inline int
transport_handshake(struct transport *t)
{
	return t->ops->handshake != NULL ? t->ops->handshake(t) : 1;
}

/* Reads into `iov`.  > 0: bytes; IO_EOF; IO_AGAIN; IO_ERROR with errno.  A short read tells that
 * nothing more is there, so no call is spent to find that out.  READY_READ stays set as long as
 * another call may find something.  Over TLS the bytes that came need not be for the caller (a
 * session ticket): an event is then followed by IO_AGAIN; and an end without close_notify, which
 * anybody on the way can forge, is IO_ERROR with ECONNRESET. */
static inline ssize_t
transport_recv(struct transport *t, struct iovec *iov, int n)
{
	return t->ops->recv(t, iov, n);
}

/*
 * Looks for the peer's end while none of its bytes are wanted: over TLS it is a record that has to
 * be read (RFC 8446, 6.1), and a socket that stays open gives no other sign.  IO_EOF: it has come;
 * IO_AGAIN: not yet, or there are bytes before it, which stay for transport_recv(); IO_ERROR with
 * errno.  After READY_EOF nothing is left to look for: IO_AGAIN.
 */
static inline int
transport_look(struct transport *t)
{
	return t->ops->look != NULL ? t->ops->look(t) : IO_AGAIN;
}

/* The peer sends no more, as far as is known: there may still be bytes to read. */
static inline bool
transport_is_half_closed(const struct transport *t)
{
	return (t->watcher.ready & READY_EOF) || t->ended;
}

/*
 * Sends what the kernel takes and removes it from `out`.  Returns the number of bytes, 0 if none
 * could go, or IO_ERROR with errno.  READY_WRITE is cleared when the socket was full.  What stays
 * in `out` must come first in the next call: TLS may have encrypted it already, and sent a part, as
 * t->untold tells; so may an IO_ERROR.  `last`: when `out` is empty the owner closes, so that a
 * farewell of the protocol can go with the last bytes.
 */
static inline ssize_t
transport_send(struct transport *t, struct chain *out, bool last)
{
	return t->ops->send(t, out, last);
}

/* Reads what the peer still sends after transport_shutdown(), encrypted or not, and throws it away:
 * unread bytes would make the kernel send a reset, which can destroy what is on its way to the peer
 * (RFC 9112, 9.6).  Results as of transport_recv(). */
ssize_t transport_discard(struct transport *t);

/* Bytes of `out` wait because the socket is full, not only because they have not been sent yet. */
static inline bool
transport_is_blocked(const struct transport *t, const struct chain *out)
{
	return !chain_empty(out) && !(t->watcher.ready & READY_WRITE);
}

/* Moves up to `max` bytes into the pipe; results as of transport_recv(). */
static inline ssize_t
transport_splice(struct transport *t, struct pipe *p, size_t max)
{
	return t->ops->splice(t, p, max);
}

/* Whether transport_splice() works. */
static inline bool
transport_can_splice(const struct transport *t)
{
	return t->ops->splice != NULL;
}

/* No more bytes from us; the peer reads its end (over TLS: close_notify). */
static inline void
transport_shutdown(struct transport *t)
{
	t->ops->shutdown(t);
}

/* Closes; with `reset` so that the peer sees an error.  Safe to call twice. */
static inline void
transport_close(struct transport *t, bool reset)
{
	t->ops->close(t, reset);
}

static inline bool
transport_is_open(const struct transport *t)
{
	return t->watcher.fd >= 0;
}

#endif
