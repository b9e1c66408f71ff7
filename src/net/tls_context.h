/*
 * tls_context.h - the certificates of a process, and a context for each use that is made of them.
 */
#ifndef USHERD_NET_TLS_CONTEXT_H
#define USHERD_NET_TLS_CONTEXT_H

#include <openssl/ssl.h>

#include "net/tls_server.h"

/* The context for a site's certificates and policy, made at its first use; it stays the store's.
 * NULL with the error's text. */
SSL_CTX *tls_context_get(struct tls_store *s, const struct tls_site *site,
    char error[TLS_ERROR_TEXT]);

#endif
