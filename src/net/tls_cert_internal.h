/*
 * tls_cert_internal.h - certificates as the other TLS files need them.
 */
#ifndef USHERD_NET_TLS_CERT_INTERNAL_H
#define USHERD_NET_TLS_CERT_INTERNAL_H

#include <openssl/ssl.h>

#include "net/tls_cert.h"

/* Makes `ctx` show the chain; false with OpenSSL's error queued. */
bool tls_cert_give(const struct tls_cert *c, SSL_CTX *ctx);

/* The certificates of a PEM text, 1 to `max`; NULL if there are none, more, or one is malformed. */
STACK_OF(X509) *tls_cert_read_pem(struct str pem, int max);

/* The name as RFC 2253 writes it; to be freed with mem_free(). */
char *tls_cert_name_text(const X509_NAME *name);

#endif
