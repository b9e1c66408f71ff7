/*
 * tls_cert.h - certificate chains with their keys, parsed and checked.
 *
 * Private keys are touched in tls_key.c alone, so that they can move to a process of their own.
 */
#ifndef USHERD_NET_TLS_CERT_H
#define USHERD_NET_TLS_CERT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/str.h"

struct tls_cert;		/* immutable; reference-counted */

enum { TLS_ERROR_TEXT = 256, TLS_FINGERPRINT = 32 };

/*
 * Parses a chain (leaf first, PEM) and its key (PEM, maybe encrypted with `passphrase`).  NULL when
 * they are malformed or do not fit each other; `error` then says what and the remedy.
 */
struct tls_cert *tls_cert_new(struct str chain_pem, struct str key_pem, struct str passphrase,
    char error[TLS_ERROR_TEXT]);

struct tls_cert *tls_cert_ref(struct tls_cert *c);
void tls_cert_unref(struct tls_cert *c);	/* NULL is fine */

/* Facts for checks, logs and metrics; strings live as long as the certificate. */
msec tls_cert_not_before_wall_ms(const struct tls_cert *c);
msec tls_cert_not_after_wall_ms(const struct tls_cert *c);
struct str tls_cert_key_type(const struct tls_cert *c);		/* "RSA", "ECDSA", "Ed25519" */
struct str tls_cert_subject(const struct tls_cert *c);
const uint8_t *tls_cert_fingerprint(const struct tls_cert *c);	/* SHA-256 of the leaf */

/* True if a name of the certificate covers the host name: exactly, or by one wildcard label
 * (RFC 6125, 6.4).  `name` may itself be a wildcard `*.example.com`. */
bool tls_cert_covers(const struct tls_cert *c, struct str name);

/* NULL if every certificate is followed by its issuer, else what is wrong with the order. */
const char *tls_cert_chain_problem(const struct tls_cert *c);

#endif
