/*
 * tls_key.h - private keys: read, compared with a certificate, given to a context.
 *
 * Nothing else touches them, so that they can move to a process of their own.
 */
#ifndef USHERD_NET_TLS_KEY_H
#define USHERD_NET_TLS_KEY_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/str.h"

struct tls_key;

/* Reads a key in PEM, maybe encrypted.  NULL with `*problem` set to a text. */
struct tls_key *tls_key_new(struct str pem, struct str passphrase, const char **problem);

void tls_key_free(struct tls_key *k);		/* NULL is fine */

/* True if it is the key of this certificate. */
bool tls_key_fits(const struct tls_key *k, X509 *x);

/* Makes `ctx` show the chain and prove it with the key; beside those of other key types, or in
 * place of one of the same type.  False with OpenSSL's error queued. */
bool tls_key_give(const struct tls_key *k, SSL_CTX *ctx, X509 *leaf, STACK_OF(X509) *chain);

#endif
