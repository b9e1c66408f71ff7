/*
 * tls_policy.c - how connections of a listener and host are made.
 */
#include "net/tls_policy.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>

#include "base/digest.h"
#include "base/mem.h"
#include "net/tls_cert_internal.h"
#include "net/tls_error.h"
#include "net/tls_ticket.h"

_Static_assert((int)TLS_SID_CONTEXT == DIGEST_SHA256, "a session id context is a hash");
_Static_assert(TLS_SID_CONTEXT <= SSL_MAX_SID_CTX_LENGTH, "a hash is a session id context");

enum { MAX_CA = 512 };

/* AES-128 first: as strong as needed and the fastest; ECDHE and AEAD only. */
static const char default_ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char default_ciphersuites[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char default_curves[] = "X25519:P-256:P-384";

/* --- making --------------------------------------------------------------------------------- */

static char *
text_or(struct str s, const char *otherwise)
{
	return s.p != NULL ? mem_strndup(s.p, s.n) : mem_strdup(otherwise);
}

static void
set_alpn(struct tls_policy *p, const struct tls_policy_options *o)
{
	unsigned n = 0;

	for (unsigned i = 0; i < o->nalpn; i++)
		n += 1 + (unsigned)o->alpn[i].n;
	p->alpn = n > 0 ? mem_alloc(n) : NULL;
	for (unsigned i = 0; i < o->nalpn; i++) {
		p->alpn[p->alpn_len++] = (unsigned char)o->alpn[i].n;
		memcpy(p->alpn + p->alpn_len, o->alpn[i].p, o->alpn[i].n);
		p->alpn_len += (unsigned)o->alpn[i].n;
	}
}

static void
set_hashes(struct tls_policy *p, const struct tls_policy_options *o)
{
	const char mode = (char)o->verify;
	struct str parts[] = { str_make(&mode, 1), o->client_ca_pem, o->client_crl_pem,
		o->listener };

	digest_sha256(parts, 3, p->clients);
	digest_sha256(parts, 4, p->sid_context);
}

static bool
load_ca(struct tls_policy *p, struct str pem)
{
	STACK_OF(X509) *all = tls_cert_read_pem(pem, MAX_CA);

	if (all == NULL)
		return false;
	for (int i = 0; i < sk_X509_num(all); i++) {
		X509 *x = sk_X509_value(all, i);

		X509_STORE_add_cert(p->ca, x);
		sk_X509_NAME_push(p->ca_names, X509_NAME_dup(X509_get_subject_name(x)));
	}
	sk_X509_pop_free(all, X509_free);
	ERR_clear_error();		/* a certificate that stands there twice */
	return true;
}

static bool
load_crl(struct tls_policy *p, struct str pem)
{
	BIO *bio = BIO_new_mem_buf(pem.n > 0 ? pem.p : "", (int)pem.n);
	X509_CRL *crl;
	int n = 0;
	bool clean;

	ERR_clear_error();
	while (bio != NULL && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL) {
		X509_STORE_add_crl(p->ca, crl);
		X509_CRL_free(crl);
		n++;
	}
	clean = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	BIO_free(bio);
	ERR_clear_error();
	X509_STORE_set_flags(p->ca, X509_V_FLAG_CRL_CHECK);
	return clean && n > 0;
}

static bool
set_clients(struct tls_policy *p, const struct tls_policy_options *o, char error[TLS_ERROR_TEXT])
{
	const char *problem = NULL;

	p->verify = o->verify;
	if (o->client_ca_pem.p == NULL) {
		if (o->verify == TLS_VERIFY_OFF)
			return true;
		snprintf(error, TLS_ERROR_TEXT, "tls_client_verify: whose certificates?"
		    " (add tls_client_ca)");
		return false;
	}
	p->ca = X509_STORE_new();
	p->ca_names = sk_X509_NAME_new_null();
	if (!load_ca(p, o->client_ca_pem))
		problem = "tls_client_ca: no certificates in PEM format";
	else if (o->client_crl_pem.p != NULL && !load_crl(p, o->client_crl_pem))
		problem = "tls_client_crl: no revocation list in PEM format (X509 CRL)";
	if (problem != NULL)
		snprintf(error, TLS_ERROR_TEXT, "%s", problem);
	return problem == NULL;
}

/* What the administrator wrote is tried at once; the defaults need no proof, for each of them. */
static bool
try_out(const struct tls_policy *p, const struct tls_policy_options *o, char error[TLS_ERROR_TEXT])
{
	const char *what = "tls";
	SSL_CTX *ctx;
	bool ok;

	if (o->ciphers.p == NULL && o->ciphersuites.p == NULL && o->curves.p == NULL)
		return true;
	ERR_clear_error();
	ctx = SSL_CTX_new(TLS_server_method());
	ok = ctx != NULL && tls_policy_apply(p, ctx, &what);
	if (!ok)
		tls_error_report(error, what);
	SSL_CTX_free(ctx);
	return ok;
}

struct tls_policy *
tls_policy_new(const struct tls_policy_options *o, char error[TLS_ERROR_TEXT])
{
	struct tls_policy *p = MEM_NEW(struct tls_policy);

	p->min_version = o->min_version == 13 ? TLS1_3_VERSION : TLS1_2_VERSION;
	p->tickets = o->tickets;
	p->ciphers = text_or(o->ciphers, default_ciphers);
	p->ciphersuites = text_or(o->ciphersuites, default_ciphersuites);
	p->curves = text_or(o->curves, default_curves);
	set_alpn(p, o);
	set_hashes(p, o);
	if (!set_clients(p, o, error) || !try_out(p, o, error)) {
		tls_policy_free(p);
		return NULL;
	}
	return p;
}

void
tls_policy_free(struct tls_policy *p)
{
	if (p == NULL)
		return;
	mem_free(p->ciphers);
	mem_free(p->ciphersuites);
	mem_free(p->curves);
	mem_free(p->alpn);
	X509_STORE_free(p->ca);
	sk_X509_NAME_pop_free(p->ca_names, X509_NAME_free);
	mem_free(p);
}

bool
tls_policy_same_clients(const struct tls_policy *a, const struct tls_policy *b)
{
	return a == b || memcmp(a->clients, b->clients, sizeof(a->clients)) == 0;
}

/* --- applying ------------------------------------------------------------------------------- */

/* A client that speaks none of our protocols is refused: RFC 7301, 3.2. */
static int
select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
    unsigned in_len, void *arg)
{
	const struct tls_policy *p = arg;
	unsigned char *chosen;

	(void)ssl;
	if (SSL_select_next_proto(&chosen, out_len, p->alpn, p->alpn_len, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* An optional certificate that does not verify is none: what failed stands in the result. */
static int
accept_any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

static bool
apply_clients(const struct tls_policy *p, SSL_CTX *ctx)
{
	STACK_OF(X509_NAME) *names;

	if (p->verify == TLS_VERIFY_OFF)
		return true;
	names = SSL_dup_CA_list(p->ca_names);
	if (names == NULL || SSL_CTX_set1_verify_cert_store(ctx, p->ca) != 1)
		return false;
	SSL_CTX_set_client_CA_list(ctx, names);
	if (p->verify == TLS_VERIFY_ON)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	else
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, accept_any);
	return true;
}

static void
apply_tickets(const struct tls_policy *p, SSL_CTX *ctx)
{
	/* Tickets alone, no cache: any worker resumes what another began. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_session_id_context(ctx, p->sid_context, sizeof(p->sid_context));
	if (p->tickets && tls_tickets_apply(ctx)) {
		SSL_CTX_set_num_tickets(ctx, 1);
		return;
	}
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(ctx, 0);
}

bool
tls_policy_apply(const struct tls_policy *p, SSL_CTX *ctx, const char **what)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	/* A chain is what the file says; building one would cost a search per handshake. */
	SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_min_proto_version(ctx, p->min_version);
	apply_tickets(p, ctx);
	if (p->alpn_len > 0)
		SSL_CTX_set_alpn_select_cb(ctx, select_alpn, (void *)p);
	*what = "tls_ciphers";
	if (SSL_CTX_set_cipher_list(ctx, p->ciphers) != 1)
		return false;
	*what = "tls_ciphersuites";
	if (SSL_CTX_set_ciphersuites(ctx, p->ciphersuites) != 1)
		return false;
	*what = "tls_curves";
	if (SSL_CTX_set1_groups_list(ctx, p->curves) != 1)
		return false;
	*what = "tls_client_ca";
	return apply_clients(p, ctx);
}
