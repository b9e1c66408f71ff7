/*
 * tls_cert.c - certificate chains with their keys, parsed and checked.
 */
#include "net/tls_cert.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/tls_cert_internal.h"
#include "net/tls_error.h"
#include "net/tls_key.h"

enum { MAX_CHAIN = 16 };

struct tls_cert {
	unsigned refs;
	X509 *leaf;
	STACK_OF(X509) *chain;		/* without the leaf */
	struct tls_key *key;
	char *subject;
	struct buf names;		/* lower case, each followed by NUL */
	msec not_before_wall_ms;
	msec not_after_wall_ms;
	char chain_problem[96];		/* "" if there is none */
	uint8_t fingerprint[TLS_FINGERPRINT];
};

/* --- parsing -------------------------------------------------------------------------------- */

/* Certificates of a PEM text, at most `max`; NULL if one is malformed or there is none. */
STACK_OF(X509) *
tls_cert_read_pem(struct str pem, int max)
{
	BIO *bio = BIO_new_mem_buf(pem.n > 0 ? pem.p : "", (int)pem.n);
	STACK_OF(X509) *all = sk_X509_new_null();
	X509 *x = NULL;
	bool clean;

	ERR_clear_error();
	while (bio != NULL && all != NULL && sk_X509_num(all) <= max &&
	    (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		sk_X509_push(all, x);
	clean = x != NULL || ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	BIO_free(bio);
	if (clean && sk_X509_num(all) > 0 && sk_X509_num(all) <= max) {
		ERR_clear_error();
		return all;
	}
	sk_X509_pop_free(all, X509_free);
	return NULL;
}

static msec
wall_ms_of(const ASN1_TIME *t)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return 0;
	return (msec)timegm(&tm) * 1000;
}

static void
add_name(struct buf *names, const char *p, size_t n)
{
	/* A NUL inside could make a name look like another one. */
	if (n == 0 || memchr(p, '\0', n) != NULL)
		return;
	for (size_t i = 0; i < n; i++)
		buf_char(names, char_lower[(unsigned char)p[i]]);
	buf_char(names, '\0');
}

static void
add_address(struct buf *names, const ASN1_OCTET_STRING *ip)
{
	char text[INET6_ADDRSTRLEN];
	int family = ip->length == 4 ? AF_INET : AF_INET6;

	if (ip->length != 4 && ip->length != 16)
		return;
	if (inet_ntop(family, ip->data, text, sizeof(text)) != NULL)
		add_name(names, text, strlen(text));
}

/* The common name counts only where there are no other names: RFC 6125, 6.4.4. */
static void
add_common_name(struct buf *names, X509 *x)
{
	char cn[256];
	int n = X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, cn, sizeof(cn));

	if (n > 0)
		add_name(names, cn, (size_t)n);
}

static void
read_names(struct buf *names, X509 *x)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(all, i);

		if (g->type == GEN_DNS)
			add_name(names, (const char *)ASN1_STRING_get0_data(g->d.dNSName),
			    (size_t)ASN1_STRING_length(g->d.dNSName));
		else if (g->type == GEN_IPADD)
			add_address(names, g->d.iPAddress);
	}
	GENERAL_NAMES_free(all);
	if (names->n == 0)
		add_common_name(names, x);
}

char *
tls_cert_name_text(const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p, *text = NULL;
	long n;

	if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
		n = BIO_get_mem_data(bio, &p);
		text = n > 0 ? mem_strndup(p, (size_t)n) : NULL;
	}
	BIO_free(bio);
	return text != NULL ? text : mem_strdup("");
}

static void
check_chain(struct tls_cert *c)
{
	X509 *x = c->leaf;

	for (int i = 0; i < sk_X509_num(c->chain); i++) {
		X509 *issuer = sk_X509_value(c->chain, i);
		int r = X509_check_issued(issuer, x);

		if (r != X509_V_OK) {
			snprintf(c->chain_problem, sizeof(c->chain_problem),
			    "certificate %d of the file did not issue certificate %d", i + 2,
			    i + 1);
			return;
		}
		x = issuer;
	}
}

static void
read_facts(struct tls_cert *c)
{
	unsigned n = TLS_FINGERPRINT;

	c->not_before_wall_ms = wall_ms_of(X509_get0_notBefore(c->leaf));
	c->not_after_wall_ms = wall_ms_of(X509_get0_notAfter(c->leaf));
	c->subject = tls_cert_name_text(X509_get_subject_name(c->leaf));
	(void)X509_digest(c->leaf, EVP_sha256(), c->fingerprint, &n);
	read_names(&c->names, c->leaf);
	check_chain(c);
}

/* --- checking ------------------------------------------------------------------------------- */

static bool
check_fit(const struct tls_cert *c, char error[TLS_ERROR_TEXT])
{
	if (tls_key_fits(c->key, c->leaf))
		return true;
	for (int i = 0; i < sk_X509_num(c->chain); i++)
		if (tls_key_fits(c->key, sk_X509_value(c->chain, i))) {
			snprintf(error, TLS_ERROR_TEXT, "the key belongs to certificate %d of the "
			    "file: put that first, then its issuers", i + 2);
			return false;
		}
	snprintf(error, TLS_ERROR_TEXT, "the key does not fit the certificate of %.150s",
	    c->subject);
	return false;
}

/* Whether OpenSSL would use it: a weak key, say, is refused. */
static bool
check_usable(const struct tls_cert *c, char error[TLS_ERROR_TEXT])
{
	static SSL_CTX *scratch;	/* making one costs 160 us, which counts at 10,000 */

	if (scratch == NULL)
		scratch = SSL_CTX_new(TLS_server_method());
	ERR_clear_error();
	if (scratch != NULL && tls_cert_give(c, scratch))
		return true;
	tls_error_report(error, "the certificate cannot be used");
	return false;
}

struct tls_cert *
tls_cert_new(struct str chain_pem, struct str key_pem, struct str passphrase,
    char error[TLS_ERROR_TEXT])
{
	STACK_OF(X509) *all = tls_cert_read_pem(chain_pem, MAX_CHAIN);
	const char *problem;
	struct tls_cert *c;

	if (all == NULL) {
		ERR_clear_error();
		snprintf(error, TLS_ERROR_TEXT, "no certificates in PEM format, the server's first "
		    "(-----BEGIN CERTIFICATE-----, at most %d)", MAX_CHAIN);
		return NULL;
	}
	c = MEM_NEW(struct tls_cert);
	c->refs = 1;
	c->leaf = sk_X509_shift(all);
	c->chain = all;
	read_facts(c);
	c->key = tls_key_new(key_pem, passphrase, &problem);
	if (c->key == NULL)
		snprintf(error, TLS_ERROR_TEXT, "%s", problem);
	if (c->key == NULL || !check_fit(c, error) || !check_usable(c, error)) {
		tls_cert_unref(c);
		return NULL;
	}
	return c;
}

struct tls_cert *
tls_cert_ref(struct tls_cert *c)
{
	c->refs++;
	return c;
}

void
tls_cert_unref(struct tls_cert *c)
{
	if (c == NULL || --c->refs > 0)
		return;
	tls_key_free(c->key);
	X509_free(c->leaf);
	sk_X509_pop_free(c->chain, X509_free);
	buf_fini(&c->names);
	mem_free(c->subject);
	mem_free(c);
}

bool
tls_cert_give(const struct tls_cert *c, SSL_CTX *ctx)
{
	return tls_key_give(c->key, ctx, c->leaf, c->chain);
}

/* --- facts ---------------------------------------------------------------------------------- */

msec
tls_cert_not_before_wall_ms(const struct tls_cert *c)
{
	return c->not_before_wall_ms;
}

msec
tls_cert_not_after_wall_ms(const struct tls_cert *c)
{
	return c->not_after_wall_ms;
}

struct str
tls_cert_key_type(const struct tls_cert *c)
{
	EVP_PKEY *pkey = X509_get0_pubkey(c->leaf);

	switch (EVP_PKEY_get_base_id(pkey)) {
	case EVP_PKEY_RSA:
	case EVP_PKEY_RSA_PSS:
		return STR_OF("RSA");
	case EVP_PKEY_EC:
		return STR_OF("ECDSA");
	default:
		return str_of(EVP_PKEY_get0_type_name(pkey));	/* "ED25519" */
	}
}

struct str
tls_cert_subject(const struct tls_cert *c)
{
	return str_of(c->subject);
}

const uint8_t *
tls_cert_fingerprint(const struct tls_cert *c)
{
	return c->fingerprint;
}

const char *
tls_cert_chain_problem(const struct tls_cert *c)
{
	return c->chain_problem[0] != '\0' ? c->chain_problem : NULL;
}

/* `name` is what one whole label and the rest of `pattern` (behind its star) make. */
static bool
wildcard_covers(struct str pattern, struct str name)
{
	ptrdiff_t dot = str_find(name, '.');

	return str_starts(pattern, STR_OF("*.")) && dot > 0 && name.p[0] != '*' &&
	    str_ieq(str_skip(pattern, 1), str_skip(name, (size_t)dot));
}

bool
tls_cert_covers(const struct tls_cert *c, struct str name)
{
	const char *end = c->names.p + c->names.n;

	if (name.n > 2 && name.p[0] == '[' && name.p[name.n - 1] == ']')
		name = str_make(name.p + 1, name.n - 2);
	if (c->names.n == 0)
		return false;
	for (const char *p = c->names.p; p < end; p += strlen(p) + 1)
		if (str_ieq(str_of(p), name) || wildcard_covers(str_of(p), name))
			return true;
	return false;
}
