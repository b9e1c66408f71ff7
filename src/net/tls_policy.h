/*
 * tls_policy.h - how connections of a listener and host are made, as the other TLS files see it.
 */
#ifndef USHERD_NET_TLS_POLICY_H
#define USHERD_NET_TLS_POLICY_H

#include <openssl/ssl.h>

#include "net/tls_server.h"

enum { TLS_SID_CONTEXT = 32 };		/* SSL_MAX_SID_CTX_LENGTH */

struct tls_policy {
	int min_version;		/* as OpenSSL numbers them */
	enum tls_verify verify;
	bool tickets;
	char *ciphers;
	char *ciphersuites;
	char *curves;
	unsigned char *alpn;		/* each name behind its length */
	unsigned alpn_len;
	X509_STORE *ca;			/* with the CRLs; NULL: none */
	STACK_OF(X509_NAME) *ca_names;
	uint8_t clients[TLS_SID_CONTEXT];	/* hash of mode, CA and CRL */
	uint8_t sid_context[TLS_SID_CONTEXT];	/* and of the listener */
};

/* Puts the policy into a context.  False with OpenSSL's error queued; `*what` says which part. */
bool tls_policy_apply(const struct tls_policy *p, SSL_CTX *ctx, const char **what);

#endif
