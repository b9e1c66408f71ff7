/*
 * tls_transport.c - the transport of an encrypted connection.
 */
#include "net/tls_transport.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/mem.h"
#include "net/tls_error.h"

enum {
	RECORD_MAX = 16384,
	RECORD_OVERHEAD = 256,
	/*
	 * A peer can use a record only when it is there whole.  What fits the first congestion
	 * window (ten segments: RFC 6928) comes in one go and needs no cutting; a longer answer
	 * begins with records that fill three segments, until the window has grown.
	 */
	FIRST_WINDOW = 14000,
	RECORD_EARLY = 4096,
	EARLY_BYTES = 65536,
};

/* --- failure -------------------------------------------------------------------------------- */

void
tls_fail(struct tls_conn *c, int errnum, const char *text)
{
	if (c->error != 0)
		return;
	c->error = errnum != 0 ? errnum : EPROTO;
	c->failure = text[0] != '\0' ? mem_strdup(text) : NULL;
	if (!c->info.ready && c->role->server && (c->heard || text[0] != '\0'))
		tls_counters.failed++;
}

/* The peer closed the socket where TLS goes on. */
static void
fail_at_eof(struct tls_conn *c)
{
	if (c->info.ready)
		tls_fail(c, ECONNRESET, "closed without close_notify");
	else
		tls_fail(c, ECONNRESET, c->heard ? "closed during the handshake" : "");
}

static void
fail_with_queue(struct tls_conn *c)
{
	bool verification = ERR_GET_REASON(ERR_peek_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED;
	char text[TLS_ERROR_TEXT];

	tls_error_text(text);
	if (verification)
		snprintf(text, sizeof(text), "certificate verify failed: %s",
		    X509_verify_cert_error_string(SSL_get_verify_result(c->ssl)));
	c->verify_failed = verification;
	if (c->role->explain != NULL)
		c->role->explain(c, text);
	tls_fail(c, EPROTO, text[0] != '\0' ? text : "protocol error");
}

/* What a call that returned `r` means. */
static int
result_of(struct tls_conn *c, int r)
{
	switch (SSL_get_error(c->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return IO_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		c->transport->ended = true;
		return IO_EOF;
	default:
		if (c->eof &&
		    ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
			fail_at_eof(c);
		else
			fail_with_queue(c);
		return IO_ERROR;
	}
}

static int
failed(const struct tls_conn *c)
{
	errno = c->error;
	return IO_ERROR;
}

/* --- handshake ------------------------------------------------------------------------------ */

/* 1, IO_AGAIN or IO_ERROR; between enter and leave. */
static int
advance(struct tls_conn *c)
{
	int r = 1;

	if (c->info.ready)
		return 1;
	if (c->ssl == NULL)
		r = c->role->begin(c);
	if (r == 1 && (r = SSL_do_handshake(c->ssl)) != 1)
		r = result_of(c, r);
	if (r == IO_EOF)
		tls_fail(c, ECONNRESET, "closed during the handshake");
	if (c->error != 0)
		return IO_ERROR;
	if (r == 1) {
		/* From now on: a handshake would take and free buffers of 17 KB eleven times. */
		SSL_set_mode(c->ssl, SSL_MODE_RELEASE_BUFFERS);
		tls_info_fill(c);
		c->role->finished(c);
	}
	return r;
}

/*
 * The end of our handshake goes together with what the owner sends next: a client's last flight
 * with its request, tickets of TLS 1.3 with the answer, but these only if the request has come
 * already (`answer_follows`).  Else a client may hold it back (Nagle) until its last flight is
 * acknowledged, which the kernel puts off for 40 ms unless something goes out.  After a failure
 * nothing follows: what is there, with the alert behind it, goes at once.
 */
static void
leave(struct tls_conn *c, bool was_ready, bool answer_follows)
{
	bool finished = !was_ready && c->info.ready;
	bool tickets = c->role->server && c->info.ready && SSL_version(c->ssl) == TLS1_3_VERSION;
	bool hold = c->error == 0 &&
	    (c->held || (finished && (answer_follows || !c->role->server)));

	/* Who connects ahead of need keeps no buffers; a request would need them at once. */
	if (finished && c->role->server && !answer_follows)
		(void)SSL_free_buffers(c->ssl);
	tls_leave(c, hold);
	c->held = hold && tickets;
	if (hold && !c->role->server && c->out.p != NULL) {
		c->late_again = true;
		loop_post(c->transport->loop, &c->late);
	}
}

/* A client has its request ready, but maybe in a task that was posted after this one. */
static void
on_late(struct task *task)
{
	struct tls_conn *c = CONTAINER_OF(task, struct tls_conn, late);

	if (c->late_again) {
		c->late_again = false;
		loop_post(c->transport->loop, task);
		return;
	}
	if (c->out.p == NULL || c->blocked)
		return;
	tls_enter(c);
	tls_leave(c, false);
}

static int
tls_handshake(struct transport *t)
{
	struct tls_conn *c = t->tls;
	bool was_ready = c->info.ready;
	int r;

	if (c->error != 0)
		return failed(c);
	if (was_ready)
		return 1;
	tls_enter(c);
	r = advance(c);
	leave(c, was_ready, tls_input(c).n > 0);
	return c->error != 0 ? failed(c) : r;
}

/* --- receiving ------------------------------------------------------------------------------ */

/* Fills the iovec as far as bytes are there; 1 if nothing but their lack ended it. */
static int
read_records(struct tls_conn *c, const struct iovec *iov, int n, size_t *total)
{
	size_t wanted = 0;

	for (int i = 0; i < n; i++)
		wanted += iov[i].iov_len;
	for (int i = 0; i < n; i++) {
		size_t at = 0, got;

		while (at < iov[i].iov_len) {
			int r;

			tls_input_wanted(wanted - *total);

			if (*total > 0 && tls_input_is_over(c) && SSL_pending(c->ssl) == 0)
				return 1;
			r = SSL_read_ex(c->ssl, (char *)iov[i].iov_base + at, iov[i].iov_len - at,
			    &got);
			if (r != 1)
				return result_of(c, r);
			at += got;
			*total += got;
			c->vain_bytes = 0;
		}
	}
	return 1;
}

static ssize_t
tls_recv(struct transport *t, struct iovec *iov, int n)
{
	struct tls_conn *c = t->tls;
	bool was_ready = c->info.ready;
	size_t total = 0;
	int r;

	if (c->plain_http)
		return transport_plain_ops.recv(t, iov, n);
	if (c->error != 0)
		return failed(c);
	tls_enter(c);
	r = advance(c);
	if (r == 1)
		r = read_records(c, iov, n, &total);
	leave(c, was_ready, total > 0);
	if (total > 0) {
		c->run_bytes = 0;
		return (ssize_t)total;
	}
	return c->error != 0 ? failed(c) : r;
}

/* A socket that has closed is left alone: whoever only sends does not care how it did. */
static int
tls_look(struct transport *t)
{
	const uint8_t ready = t->watcher.ready;
	struct tls_conn *c = t->tls;
	int r = IO_AGAIN;
	size_t n;
	char byte;

	if (t->ended)
		return IO_EOF;
	if (!c->info.ready || !(ready & READY_READ) || (ready & (READY_EOF | READY_ERROR)))
		return IO_AGAIN;
	if (c->error != 0)
		return failed(c);
	if (SSL_pending(c->ssl) > 0)
		return IO_AGAIN;
	tls_enter(c);
	if ((tls_input(c).n > 0 || tls_input_more(c)) && SSL_peek_ex(c->ssl, &byte, 1, &n) != 1)
		r = result_of(c, 0);
	leave(c, true, false);
	return c->error != 0 ? failed(c) : r;
}

/* --- sending -------------------------------------------------------------------------------- */

/* A place in a chain. */
struct cursor {
	const struct seg *seg;
	size_t offset;			/* in it */
};

static void
skip(struct cursor *at, size_t n)
{
	at->offset += n;
	while (at->seg != NULL && at->offset >= at->seg->len) {
		at->offset -= at->seg->len;
		at->seg = at->seg->next;
	}
}

static size_t
record_limit(const struct tls_conn *c, size_t left)
{
	if (c->run_bytes + left <= FIRST_WINDOW)
		return left;
	return c->run_bytes < EARLY_BYTES ? RECORD_EARLY : RECORD_MAX;
}

/* Small pieces are put together; but whole blocks are never cut to fill a record, which would copy
 * every byte of a long body. */
static bool
stands_alone(const struct cursor *at, size_t rest, size_t limit)
{
	const struct seg *next = at->seg->next;

	return rest >= limit || next == NULL ||
	    (limit == RECORD_MAX && next->len <= RECORD_MAX && rest + next->len > limit);
}

/* The bytes of the next record, in place or copied together; moves the cursor. */
static size_t
next_record(struct cursor *at, size_t limit, const char **p)
{
	static char together[RECORD_MAX];
	size_t n = 0;

	while (at->seg != NULL && n < limit) {
		size_t rest = at->seg->len - at->offset, part;

		part = rest < limit - n ? rest : limit - n;
		if (n == 0 && stands_alone(at, rest, limit)) {
			*p = at->seg->p + at->offset;
			skip(at, part);
			return part;
		}
		if (limit == RECORD_MAX && part < rest && rest <= RECORD_MAX)
			break;
		memcpy(together + n, at->seg->p + at->offset, part);
		n += part;
		skip(at, part);
	}
	*p = together;
	return n;
}

/* Encrypts from the beginning until the buffer is full; nothing may be owed of what was before. */
static bool
encrypt(struct tls_conn *c, const struct chain *out)
{
	struct cursor at = { out->first, 0 };

	CHECK(c->owed == 0);
	while (c->owed < out->len && tls_out_room() >= RECORD_MAX + RECORD_OVERHEAD) {
		const char *p;
		size_t n = next_record(&at, record_limit(c, out->len - c->owed), &p), done;
		int r = SSL_write_ex(c->ssl, p, n, &done);

		if (r != 1) {
			if (result_of(c, r) != IO_ERROR)
				tls_fail(c, EPROTO, "write refused");
			return false;
		}
		CHECK(done == n);
		c->owed += n;
		c->run_bytes = c->run_bytes < EARLY_BYTES ? c->run_bytes + (uint32_t)n :
		    EARLY_BYTES;
	}
	return true;
}

/*
 * The chain keeps what is encrypted until the socket took all of it: an empty chain tells the owner
 * that everything is with the kernel.  close_notify goes together with the last bytes.
 */
static size_t
send_records(struct tls_conn *c, struct chain *out, bool last)
{
	size_t total = 0;

	for (;;) {
		if (c->owed > 0 || c->blocked) {
			if (!tls_flush(c)) {
				chain_spend(out, c->owed);	/* c->out has it */
				break;
			}
			CHECK(c->owed <= out->len);
			chain_drop(out, c->owed);
			total += c->owed;
			c->owed = 0;
			c->transport->untold = false;
		}
		if (chain_empty(out) || !encrypt(c, out))
			break;
		if (last && c->owed == out->len && SSL_shutdown(c->ssl) < 0)
			ERR_clear_error();
	}
	return total;
}

static ssize_t
tls_send(struct transport *t, struct chain *out, bool last)
{
	struct tls_conn *c = t->tls;
	bool was_ready = c->info.ready;
	size_t total = 0;

	if (c->plain_http)
		return transport_plain_ops.send(t, out, last);
	if (c->error != 0)
		return failed(c);
	if (chain_empty(out))
		return 0;
	tls_enter(c);
	c->held = false;
	if (advance(c) == 1)
		total = send_records(c, out, last);
	leave(c, was_ready, false);
	if (c->error != 0 && total == 0)
		return failed(c);
	return (ssize_t)total;
}

/* --- the end -------------------------------------------------------------------------------- */

static void
send_close_notify(struct tls_conn *c)
{
	if (!c->info.ready || c->error != 0 || (SSL_get_shutdown(c->ssl) & SSL_SENT_SHUTDOWN))
		return;
	tls_enter(c);
	if (SSL_shutdown(c->ssl) < 0)
		ERR_clear_error();
	tls_leave(c, false);
}

static void
tls_shutdown(struct transport *t)
{
	struct tls_conn *c = t->tls;

	send_close_notify(c);
	if (c->blocked)
		c->shut_after = true;
	else
		transport_plain_ops.shutdown(t);
}

static void
free_conn(struct garbage *g)
{
	struct tls_conn *c = CONTAINER_OF(g, struct tls_conn, garbage);

	if (c->ssl != NULL) {
		/* Else OpenSSL takes a connection that was just dropped for one that was attacked,
		 * and spoils its session. */
		SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		SSL_free(c->ssl);
	}
	mem_free(c->in.p);
	mem_free(c->out.p);
	mem_free(c->failure);
	mem_free(c->name);
	mem_free(c->identity);
	if (!c->role->server)
		tls_client_free(c->client);
	mem_free(c);
}

static void
tls_close(struct transport *t, bool reset)
{
	struct tls_conn *c = t->tls;

	if (c != NULL) {
		/* A peer that has closed already would answer close_notify with a reset. */
		if (!reset && t->watcher.fd >= 0 &&
		    !(t->watcher.ready & (READY_EOF | READY_ERROR)) && !c->eof)
			send_close_notify(c);
		t->tls = NULL;
		task_cancel(&c->late);
		/* Whoever is told of the end may still look at what the connection was. */
		loop_discard(t->loop, &c->garbage, free_conn);
	}
	transport_plain_ops.close(t, reset);
}

/* What waits for the socket goes first, and without the owner, who may have nothing to send. */
static void
on_ready(struct watcher *w)
{
	struct transport *t = CONTAINER_OF(w, struct transport, watcher);
	struct tls_conn *c = t->tls;

	c->dry = false;
	if (c->blocked && (w->ready & READY_WRITE)) {
		tls_enter(c);
		tls_leave(c, false);
		if (!c->blocked && !c->info.ready)
			w->ready |= READY_READ;		/* the handshake can go on */
		if (!c->blocked && c->shut_after)
			transport_plain_ops.shutdown(t);
	}
	c->on_ready(w);
}

/* --- making --------------------------------------------------------------------------------- */

const struct transport_ops tls_ops = {
	.kinds = SEG_MEM | SEG_EXT,
	.recv = tls_recv,
	.send = tls_send,
	.splice = NULL,
	.shutdown = tls_shutdown,
	.close = tls_close,
	.handshake = tls_handshake,
	.look = tls_look,
};

struct tls_conn *
tls_conn_new(struct transport *t, const struct tls_role *role)
{
	struct tls_conn *c = MEM_NEW(struct tls_conn);

	c->transport = t;
	c->role = role;
	c->on_ready = t->watcher.on_ready;
	c->info.client_verify = "NONE";
	task_init(&c->late, on_late);
	t->watcher.on_ready = on_ready;
	t->ops = &tls_ops;
	t->tls = c;
	return c;
}

bool
tls_conn_start(struct tls_conn *c, SSL_CTX *ctx)
{
	SSL *ssl = SSL_new(ctx);

	if (ssl == NULL || !tls_set_bio(ssl)) {
		char text[TLS_ERROR_TEXT];

		SSL_free(ssl);
		tls_error_report(text, "no connection object");
		tls_fail(c, ENOMEM, text);
		return false;
	}
	if (c->role->server)
		SSL_set_accept_state(ssl);
	else
		SSL_set_connect_state(ssl);
	c->ssl = ssl;
	return true;
}

const struct tls_info *
transport_tls(const struct transport *t)
{
	return t->tls != NULL ? &t->tls->info : NULL;
}

const char *
transport_tls_failure(const struct transport *t)
{
	return t->tls != NULL && t->tls->failure != NULL ? t->tls->failure : "";
}
