/*
 * tls_client.c - TLS towards servers: always verified unless the configuration says otherwise.
 */
#include "net/tls_client.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "base/check.h"
#include "base/list.h"
#include "base/mem.h"
#include "net/tls_cert_internal.h"
#include "net/tls_error.h"
#include "net/tls_transport.h"

enum {
	SESSIONS = 64,			/* names whose session is kept */
	MAX_CA = 512,
};

struct saved {
	struct link link;		/* the one used last is the first */
	char *name;
	SSL_SESSION *session;
};

struct tls_client {
	SSL_CTX *ctx;
	unsigned refs;			/* of owners and connections */
	struct link sessions;
	unsigned count;
};

/* --- sessions ------------------------------------------------------------------------------- */

static void
forget(struct tls_client *c, struct saved *s)
{
	link_remove(&s->link);
	SSL_SESSION_free(s->session);
	mem_free(s->name);
	mem_free(s);
	c->count--;
}

static struct saved *
find(struct tls_client *c, const char *name)
{
	LIST_EACH(l, &c->sessions) {
		struct saved *s = CONTAINER_OF(l, struct saved, link);

		if (strcmp(s->name, name) != 0)
			continue;
		link_remove(l);
		list_prepend(&c->sessions, l);
		return s;
	}
	return NULL;
}

/* Takes the reference (returns 1).  Only sessions of complete, verified handshakes come here. */
static int
on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_conn *conn = tls_current();
	struct tls_client *c = conn->client;
	struct saved *s = find(c, conn->name);

	(void)ssl;
	if (s != NULL) {
		SSL_SESSION_free(s->session);
		s->session = session;
		return 1;
	}
	if (c->count == SESSIONS)
		forget(c, CONTAINER_OF(c->sessions.prev, struct saved, link));
	s = MEM_NEW(struct saved);
	s->name = mem_strdup(conn->name);
	s->session = session;
	list_prepend(&c->sessions, &s->link);
	c->count++;
	return 1;
}

/* --- making --------------------------------------------------------------------------------- */

static bool
trust(SSL_CTX *ctx, struct str ca_pem)
{
	STACK_OF(X509) *all = tls_cert_read_pem(ca_pem, MAX_CA);

	for (int i = 0; i < sk_X509_num(all); i++)
		X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), sk_X509_value(all, i));
	sk_X509_pop_free(all, X509_free);
	ERR_clear_error();		/* one that stands there twice */
	return all != NULL;
}

/* The first certificate that failed, for the log. */
static int
on_verify(int ok, X509_STORE_CTX *store)
{
	struct tls_conn *conn = tls_current();
	X509 *x = X509_STORE_CTX_get_current_cert(store);

	if (!ok && x != NULL && conn->identity == NULL)
		conn->identity = tls_cert_name_text(X509_get_subject_name(x));
	return ok;
}

static bool
set_up(SSL_CTX *ctx, const struct tls_client_options *o, char error[TLS_ERROR_TEXT])
{
	static const unsigned char alpn[] = "\x08http/1.1";

	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	SSL_CTX_set_verify(ctx, o->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
	    o->verify ? on_verify : NULL);
	if (SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1) != 0 ||
	    SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") != 1) {
		tls_error_report(error, "tls");
		return false;
	}
	if (o->ca_pem.p != NULL && !trust(ctx, o->ca_pem)) {
		snprintf(error, TLS_ERROR_TEXT, "tls_ca: no certificates in PEM format");
		return false;
	}
	if (o->ca_pem.p == NULL && o->verify && SSL_CTX_set_default_verify_paths(ctx) != 1) {
		tls_error_report(error, "tls_ca: add it: the system's certificates are missing");
		return false;
	}
	if (o->cert != NULL && !tls_cert_give(o->cert, ctx)) {
		tls_error_report(error, "tls_certificate");
		return false;
	}
	return true;
}

struct tls_client *
tls_client_new(const struct tls_client_options *o, char error[TLS_ERROR_TEXT])
{
	struct tls_client *c = MEM_NEW(struct tls_client);

	c->refs = 1;
	link_init(&c->sessions);
	ERR_clear_error();
	c->ctx = SSL_CTX_new(TLS_client_method());
	if (c->ctx == NULL)
		tls_error_report(error, "tls");
	if (c->ctx == NULL || !set_up(c->ctx, o, error)) {
		tls_client_free(c);
		return NULL;
	}
	return c;
}

struct tls_client *
tls_client_ref(struct tls_client *c)
{
	c->refs++;
	return c;
}

void
tls_client_free(struct tls_client *c)
{
	if (c == NULL || --c->refs > 0)
		return;
	LIST_EACH(l, &c->sessions)
		forget(c, CONTAINER_OF(l, struct saved, link));
	SSL_CTX_free(c->ctx);
	mem_free(c);
}

/* --- connections ---------------------------------------------------------------------------- */

static bool
is_address(const char *name)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

/* Whom the server has to be. */
static bool
expect(struct tls_conn *conn)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(conn->ssl);

	/* OpenSSL takes an empty name for any. */
	if (conn->name[0] == '\0')
		return SSL_get_verify_mode(conn->ssl) == SSL_VERIFY_NONE;
	if (is_address(conn->name))
		return X509_VERIFY_PARAM_set1_ip_asc(param, conn->name) == 1;
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_host(param, conn->name, 0) == 1 &&
	    SSL_set_tlsext_host_name(conn->ssl, conn->name) == 1;
}

static int
begin(struct tls_conn *conn)
{
	struct tls_client *c = conn->client;
	struct saved *saved;
	char text[TLS_ERROR_TEXT];

	if (!tls_conn_start(conn, c->ctx))
		return IO_ERROR;
	if (!expect(conn)) {
		tls_error_report(text, "server name");
		tls_fail(conn, 0, text);
		return IO_ERROR;
	}
	saved = find(c, conn->name);
	if (saved != NULL)
		(void)SSL_set_session(conn->ssl, saved->session);
	return 1;
}

static void
finished(struct tls_conn *conn)
{
	mem_free(conn->identity);
	conn->identity = NULL;
}

static void
explain(struct tls_conn *conn, char text[TLS_ERROR_TEXT])
{
	char reason[TLS_ERROR_TEXT];

	if (!conn->verify_failed)
		return;
	snprintf(reason, sizeof(reason), "%s", text);
	snprintf(text, TLS_ERROR_TEXT, "expected a certificate for %.60s, came %.70s: %.80s",
	    conn->name, conn->identity != NULL ? conn->identity : "none", reason);
}

static const struct tls_role client_role = {
	.server = false,
	.begin = begin,
	.finished = finished,
	.explain = explain,
};

int
transport_open_tls_client(struct transport *t, struct loop *loop, int fd,
    void (*on_ready)(struct watcher *), struct tls_client *c, struct str name)
{
	struct tls_conn *conn;

	if (transport_open_plain(t, loop, fd, on_ready) < 0)
		return -1;
	if (name.n > 2 && name.p[0] == '[' && name.p[name.n - 1] == ']')
		name = str_make(name.p + 1, name.n - 2);
	conn = tls_conn_new(t, &client_role);
	conn->client = c;
	c->refs++;
	conn->name = name.n > 0 ? mem_strndup(name.p, name.n) : mem_strdup("");
	return 0;
}

bool
transport_tls_verify_failed(const struct transport *t)
{
	return t->tls != NULL && t->tls->verify_failed;
}
