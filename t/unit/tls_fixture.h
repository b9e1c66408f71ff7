/* Certificates made in memory, for tests of TLS. */

#ifndef TLS_FIXTURE_H
#define TLS_FIXTURE_H

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/str.h"

/* A certificate with its key; PEM texts and what they were made from. */
struct made {
	X509 *x;
	EVP_PKEY *key;
	char *cert_pem;
	char *key_pem;
};

struct wish {
	const char *cn;
	const char *names;		/* "DNS:a.test,IP:127.0.0.1"; NULL: none */
	const struct made *issuer;	/* NULL: self-signed */
	bool rsa;
	bool ca;
	int begin_days;			/* from now */
	int end_days;			/* 0: 90 */
	int serial;			/* 0: 4660 */
};

static inline char *
fixture_text(BIO *bio)
{
	char *p, *text;
	long n = BIO_get_mem_data(bio, &p);

	text = mem_strndup(p, (size_t)n);
	BIO_free(bio);
	return text;
}

static inline void
fixture_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	CHECK(e != NULL && X509_add_ext(x, e, -1) == 1);
	X509_EXTENSION_free(e);
}

static inline struct made
fixture_make(struct wish w)
{
	struct made m = { X509_new(), w.rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"), NULL, NULL };
	X509 *issuer = w.issuer != NULL ? w.issuer->x : m.x;
	X509_NAME *name = X509_get_subject_name(m.x);
	BIO *cert = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());

	X509_set_version(m.x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(m.x), w.serial != 0 ? w.serial : 0x1234);
	X509_gmtime_adj(X509_getm_notBefore(m.x), (w.begin_days - 1) * 86400L);
	X509_gmtime_adj(X509_getm_notAfter(m.x), (w.end_days != 0 ? w.end_days : 90) * 86400L);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)w.cn, -1, -1,
	    0);
	X509_set_issuer_name(m.x, X509_get_subject_name(issuer));
	X509_set_pubkey(m.x, m.key);
	if (w.ca)
		fixture_extension(m.x, issuer, NID_basic_constraints, "critical,CA:TRUE");
	if (w.names != NULL)
		fixture_extension(m.x, issuer, NID_subject_alt_name, w.names);
	CHECK(X509_sign(m.x, w.issuer != NULL ? w.issuer->key : m.key, EVP_sha256()) > 0);
	CHECK(PEM_write_bio_X509(cert, m.x) == 1);
	CHECK(PEM_write_bio_PrivateKey(key, m.key, NULL, NULL, 0, NULL, NULL) == 1);
	m.cert_pem = fixture_text(cert);
	m.key_pem = fixture_text(key);
	return m;
}

/* A list of revoked certificates: the one with that serial. */
static inline char *
fixture_crl(const struct made *ca, int serial)
{
	X509_CRL *crl = X509_CRL_new();
	X509_REVOKED *r = X509_REVOKED_new();
	ASN1_INTEGER *n = ASN1_INTEGER_new();
	ASN1_TIME *t = ASN1_TIME_new();
	BIO *bio = BIO_new(BIO_s_mem());

	X509_CRL_set_version(crl, 1);
	X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->x));
	X509_gmtime_adj(t, -3600);
	X509_CRL_set1_lastUpdate(crl, t);
	ASN1_INTEGER_set(n, serial);
	X509_REVOKED_set_serialNumber(r, n);
	X509_REVOKED_set_revocationDate(r, t);
	X509_CRL_add0_revoked(crl, r);
	X509_gmtime_adj(t, 86400);
	X509_CRL_set1_nextUpdate(crl, t);
	CHECK(X509_CRL_sign(crl, ca->key, EVP_sha256()) > 0);
	CHECK(PEM_write_bio_X509_CRL(bio, crl) == 1);
	X509_CRL_free(crl);
	ASN1_INTEGER_free(n);
	ASN1_TIME_free(t);
	return fixture_text(bio);
}

static inline void
fixture_free(struct made *m)
{
	X509_free(m->x);
	EVP_PKEY_free(m->key);
	mem_free(m->cert_pem);
	mem_free(m->key_pem);
}

#endif
