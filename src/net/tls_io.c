/*
 * tls_io.c - bytes between OpenSSL and the socket: one call for a burst of records, each way.
 */
#include <errno.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/mem.h"
#include "net/tls_transport.h"

enum {
	RECORD_BYTES = 16384 + 256,	/* a full record with all that may surround it */
	IN_BYTES = 2 * RECORD_BYTES,
	RECORDS_MORE = 512,		/* than the bytes in a few records they are long */
	OUT_BYTES = 4 * RECORD_BYTES,
	OUT_MAX = 4 * OUT_BYTES,	/* a peer that makes us answer but does not read */
	/*
	 * Records that bring the owner nothing, such as new keys, cost up to 20 us for 27 bytes.
	 * Before a byte comes out, a full record and a full buffer may have gone in.
	 */
	VAIN_MAX = 2 * IN_BYTES,
	GROWTH = 4096,
};

/* The connection that entered has them. */
static struct {
	struct tls_conn *owner;
	bool dry;			/* the socket has no more to read */
	size_t in_pos, in_end;
	size_t in_most;			/* to be read at once */
	size_t out_len;
	char in[IN_BYTES];
	char out[OUT_BYTES];
} io;

/* --- bytes that wait ------------------------------------------------------------------------ */

static size_t
waiting(const struct tls_bytes *b)
{
	return b->end - b->pos;
}

static void
clear(struct tls_bytes *b)
{
	mem_free(b->p);
	*b = (struct tls_bytes){ NULL, 0, 0 };
}

/* What comes in small pieces is not moved for each of them: memory grows in steps. */
static void
append(struct tls_bytes *b, const char *p, size_t n)
{
	size_t had = waiting(b), room = n;

	if (n == 0)
		return;
	if (had > 0)
		room = (had + n + GROWTH - 1) / GROWTH * GROWTH;
	if (b->pos > 0)
		memmove(b->p, b->p + b->pos, had);
	b->p = mem_realloc(b->p, room, 1);
	memcpy(b->p + had, p, n);
	b->pos = 0;
	b->end = (uint32_t)(had + n);
}

static void
advance(struct tls_bytes *b, size_t n)
{
	b->pos += (uint32_t)n;
	if (b->pos == b->end)
		clear(b);
}

/* --- input ---------------------------------------------------------------------------------- */

struct str
tls_input(const struct tls_conn *c)
{
	if (c->in.p != NULL)
		return str_make(c->in.p + c->in.pos, waiting(&c->in));
	return str_make(io.in + io.in_pos, io.in_end - io.in_pos);
}

uint8_t *
tls_input_bytes(struct tls_conn *c, size_t *n)
{
	*n = tls_input(c).n;
	return (uint8_t *)(c->in.p != NULL ? c->in.p + c->in.pos : io.in + io.in_pos);
}

void
tls_input_cut(struct tls_conn *c, size_t n)
{
	CHECK(n <= tls_input(c).n);
	if (c->in.p != NULL)
		c->in.end = c->in.pos + (uint32_t)n;
	else
		io.in_end = io.in_pos + n;
}

void
tls_input_drop(struct tls_conn *c)
{
	clear(&c->in);
	io.in_pos = io.in_end = 0;
}

void
tls_input_wanted(size_t n)
{
	io.in_most = n < IN_BYTES - RECORDS_MORE ? n + RECORDS_MORE : IN_BYTES;
}

bool
tls_input_is_over(const struct tls_conn *c)
{
	return io.dry && tls_input(c).n == 0;
}

/* After the handshake the peer has something to say, or nothing to send. */
static void
count_vain(struct tls_conn *c, size_t n)
{
	if (!c->info.ready)
		return;
	c->vain_bytes += (uint32_t)n;
	if (c->vain_bytes > VAIN_MAX)
		tls_fail(c, EPROTO, "too many records without data");
}

/* Fills the empty shared buffer. */
static bool
fill(struct tls_conn *c)
{
	struct watcher *w = &c->transport->watcher;
	ssize_t n;

	if (io.dry || c->eof || c->error != 0)
		return false;
	do
		n = recv(w->fd, io.in, io.in_most, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		io.in_pos = 0;
		io.in_end = (size_t)n;
		c->heard = true;
		count_vain(c, (size_t)n);
		/* As in plain.c: a short read emptied it, but a hang-up may be behind. */
		io.dry = (size_t)n < io.in_most && !(w->ready & (READY_EOF | READY_ERROR));
		return true;
	}
	if (n == 0) {
		c->eof = true;
	} else if (errno == EAGAIN) {
		io.dry = true;
		w->ready &= ~READY_READ;
	} else {
		tls_fail(c, errno, "");
	}
	return false;
}

bool
tls_input_more(struct tls_conn *c)
{
	struct str had = tls_input(c);

	if (had.n == 0)
		return fill(c);
	if (c->in.p == NULL)
		append(&c->in, had.p, had.n);
	io.in_pos = io.in_end = 0;
	if (!fill(c))
		return false;
	append(&c->in, io.in, io.in_end);
	io.in_pos = io.in_end = 0;
	return true;
}

static int
bio_read(BIO *bio, char *out, size_t len, size_t *got)
{
	struct tls_conn *c = io.owner;
	struct str there;

	BIO_clear_retry_flags(bio);
	if (tls_input(c).n == 0 && !fill(c)) {
		if (!c->eof && c->error == 0)
			BIO_set_retry_read(bio);
		return 0;
	}
	there = tls_input(c);
	*got = there.n < len ? there.n : len;
	memcpy(out, there.p, *got);
	if (c->in.p != NULL)
		advance(&c->in, *got);
	else
		io.in_pos += *got;
	return 1;
}

/* --- output --------------------------------------------------------------------------------- */

size_t
tls_out_room(void)
{
	return sizeof(io.out) - io.out_len;
}

/* One send of what waits and what is new; the number of bytes, or -1 with errno. */
static ssize_t
send_both(struct tls_conn *c)
{
	struct iovec iov[2] = { { NULL, 0 }, { io.out, io.out_len } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };
	int fd = c->transport->watcher.fd;
	ssize_t n;

	if (c->out.p != NULL)
		iov[0] = (struct iovec){ c->out.p + c->out.pos, waiting(&c->out) };
	do
		n = c->out.p == NULL ? send(fd, io.out, io.out_len, MSG_NOSIGNAL) :
		    sendmsg(fd, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n;
}

/* Takes off what was sent; what stays waits in the connection. */
static void
keep_rest(struct tls_conn *c, size_t sent)
{
	size_t old = waiting(&c->out);

	if (old > 0)
		advance(&c->out, sent < old ? sent : old);
	sent -= sent < old ? sent : old;
	append(&c->out, io.out + sent, io.out_len - sent);
	io.out_len = 0;
}

bool
tls_flush(struct tls_conn *c)
{
	size_t all = waiting(&c->out) + io.out_len;
	ssize_t n;

	if (all == 0) {
		c->blocked = false;
		return true;
	}
	n = send_both(c);
	if (n < 0 && errno != EAGAIN) {
		io.out_len = 0;
		clear(&c->out);
		c->blocked = false;
		tls_fail(c, errno, "");
		return false;
	}
	if (n > 0 && c->owed > 0)
		c->transport->untold = true;
	keep_rest(c, n > 0 ? (size_t)n : 0);
	c->blocked = (size_t)(n > 0 ? n : 0) < all;
	if (c->blocked)
		c->transport->watcher.ready &= ~READY_WRITE;
	return !c->blocked;
}

bool
tls_put(struct tls_conn *c, const void *p, size_t n)
{
	const char *from = p;

	while (n > 0) {
		size_t part = tls_out_room() < n ? tls_out_room() : n;

		memcpy(io.out + io.out_len, from, part);
		io.out_len += part;
		from += part;
		n -= part;
		if (n > 0 && !tls_flush(c) && (c->error != 0 || waiting(&c->out) > OUT_MAX))
			return false;
	}
	return true;
}

static int
bio_write(BIO *bio, const char *p, size_t n, size_t *written)
{
	BIO_clear_retry_flags(bio);
	if (!tls_put(io.owner, p, n))
		return 0;
	*written = n;
	return 1;
}

static long
bio_ctrl(BIO *bio, int command, long number, void *arg)
{
	(void)bio;
	(void)number;
	(void)arg;
	switch (command) {
	case BIO_CTRL_FLUSH:		/* tls_leave() sends */
		return 1;
	case BIO_CTRL_EOF:
		return io.owner->eof;
	default:
		return 0;
	}
}

static BIO *
make_bio(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
	BIO *bio;

	if (method == NULL)
		return NULL;
	BIO_meth_set_read_ex(method, bio_read);
	BIO_meth_set_write_ex(method, bio_write);
	BIO_meth_set_ctrl(method, bio_ctrl);
	bio = BIO_new(method);
	if (bio == NULL) {
		BIO_meth_free(method);
		return NULL;
	}
	BIO_set_init(bio, 1);
	return bio;
}

/* One for all: it has no state but the shared buffers, and would cost 208 bytes a connection. */
bool
tls_set_bio(SSL *ssl)
{
	static BIO *bio;

	if (bio == NULL)
		bio = make_bio();
	if (bio == NULL)
		return false;
	BIO_up_ref(bio);
	SSL_set_bio(ssl, bio, bio);
	return true;
}

struct tls_conn *
tls_current(void)
{
	CHECK(io.owner != NULL);
	return io.owner;
}

/* --- a turn --------------------------------------------------------------------------------- */

void
tls_enter(struct tls_conn *c)
{
	uint8_t ready = c->transport->watcher.ready;

	CHECK(io.owner == NULL);
	io.owner = c;
	/* Without an event since the socket was dry, it still is. */
	io.dry = !(ready & (READY_EOF | READY_ERROR)) && (c->dry || !(ready & READY_READ));
	io.in_pos = io.in_end = 0;
	io.in_most = IN_BYTES;
	io.out_len = 0;
	ERR_clear_error();
}

void
tls_leave(struct tls_conn *c, bool hold)
{
	struct watcher *w = &c->transport->watcher;

	CHECK(io.owner == c);
	c->dry = io.dry;
	if (c->in.p == NULL)
		append(&c->in, io.in + io.in_pos, io.in_end - io.in_pos);
	if (c->eof && c->error != 0)
		io.out_len = 0;			/* an alert that nobody reads */
	else if (hold)
		keep_rest(c, 0);
	else
		(void)tls_flush(c);
	if (c->in.p != NULL || c->transport->ended || c->eof || c->error != 0 ||
	    (c->ssl != NULL && SSL_pending(c->ssl) > 0))
		w->ready |= READY_READ;
	else if (io.dry)
		w->ready &= ~READY_READ;
	io.owner = NULL;
}
