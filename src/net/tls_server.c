/*
 * tls_server.c - TLS towards clients: from the first byte to the right context.
 */
#include "net/tls_server.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <strings.h>

#include "base/mem.h"
#include "net/tls_context.h"
#include "net/tls_hello.h"
#include "net/tls_transport.h"

struct tls_counters tls_counters;

/* An alert before there is anything to encrypt it: RFC 8446, 6. */
static int
refuse(struct tls_conn *c, uint8_t alert, const char *text)
{
	const uint8_t record[] = { SSL3_RT_ALERT, 3, 3, 0, 2, SSL3_AL_FATAL, alert };

	(void)tls_put(c, record, sizeof(record));
	tls_input_drop(c);
	tls_fail(c, EPROTO, text);
	return IO_ERROR;
}

static int
refuse_name(struct tls_conn *c)
{
	char text[TLS_ERROR_TEXT];

	if (c->name != NULL)
		snprintf(text, sizeof(text), "no host for the server name %.200s", c->name);
	else
		snprintf(text, sizeof(text), "no server name, and no certificate for that");
	return refuse(c, SSL_AD_UNRECOGNIZED_NAME, text);
}

/* Bytes that can begin a request line, and no record. */
static bool
is_plain_http(struct str input)
{
	return input.n > 0 && char_is(input.p[0], CHAR_ALPHA);
}

static int
give_up_on_plain(struct tls_conn *c)
{
	tls_input_drop(c);
	tls_fail(c, EPROTO, "plain HTTP on a TLS port");
	c->plain_http = true;
	return IO_ERROR;
}

/* Reads until the ClientHello is whole. */
static int
read_hello(struct tls_conn *c, struct tls_hello *hello)
{
	for (;;) {
		enum tls_hello_result r;
		size_t n;
		uint8_t *p = tls_input_bytes(c, &n);

		if (is_plain_http(tls_input(c)))
			return give_up_on_plain(c);
		r = tls_hello_read(p, &n, hello);
		tls_input_cut(c, n);
		if (r == TLS_HELLO_DONE)
			return 1;
		if (r == TLS_HELLO_BAD)
			return refuse(c, hello->alert, hello->problem);
		if (tls_input_more(c))
			continue;
		if (c->eof)
			tls_fail(c, ECONNRESET, c->heard ? "closed during the handshake" : "");
		return c->error != 0 ? IO_ERROR : IO_AGAIN;
	}
}

static int
begin(struct tls_conn *c)
{
	const struct tls_listener *l = c->listener;
	const struct tls_site *site;
	struct tls_hello hello;
	char error[TLS_ERROR_TEXT];
	SSL_CTX *ctx;
	int r = read_hello(c, &hello);

	if (r != 1)
		return r;
	if (hello.name[0] != '\0')
		c->name = mem_strdup(hello.name);
	c->info.server_name = str_of(c->name);
	site = l->choose(l->arg, c->info.server_name);
	if (site == NULL)
		return refuse_name(c);
	c->info.host = site->host;
	c->info.policy = site->policy;
	ctx = tls_context_get(l->store, site, error);
	if (ctx == NULL)
		return refuse(c, SSL_AD_INTERNAL_ERROR, error);
	return tls_conn_start(c, ctx) ? 1 : refuse(c, SSL_AD_INTERNAL_ERROR, "");
}

/* What OpenSSL read must be what we read, also in a second ClientHello. */
int
tls_check_server_name(SSL *ssl, int *alert, void *arg)
{
	const struct tls_conn *c = tls_current();
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)arg;
	if (name == NULL && c->name == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	if (name != NULL && c->name != NULL && strcasecmp(name, c->name) == 0)
		return SSL_TLSEXT_ERR_OK;
	*alert = SSL_AD_ILLEGAL_PARAMETER;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void
finished(struct tls_conn *c)
{
	/* Of no use any more without renegotiation; an idle connection is small. */
	SSL_certs_clear(c->ssl);
	tls_counters.handshakes++;
	if (c->info.resumed)
		tls_counters.resumed++;
}

static const struct tls_role server_role = {
	.server = true,
	.begin = begin,
	.finished = finished,
	.explain = NULL,
};

static struct tls_conn *
start(struct transport *t, const struct tls_listener *l)
{
	struct tls_conn *c = tls_conn_new(t, &server_role);

	c->listener = l;
	return c;
}

int
transport_open_tls_server(struct transport *t, struct loop *loop, int fd,
    void (*on_ready)(struct watcher *), const struct tls_listener *l)
{
	if (transport_open_plain(t, loop, fd, on_ready) < 0)
		return -1;
	start(t, l);
	return 0;
}

void
transport_start_tls_server(struct transport *t, const struct tls_listener *l, struct str early)
{
	struct tls_conn *c = start(t, l);

	if (early.n == 0)
		return;
	c->in.p = mem_alloc(early.n);
	memcpy(c->in.p, early.p, early.n);
	c->in.end = (uint32_t)early.n;
	c->heard = true;
	t->watcher.ready |= READY_READ;
}

bool
transport_tls_is_plain_http(const struct transport *t)
{
	return t->tls != NULL && t->tls->plain_http;
}
