/*
 * tls_ticket.c - session tickets under keys that all workers share: RFC 5077, RFC 8446, 4.6.1.
 */
#include "net/tls_ticket.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <strings.h>

#include "base/check.h"
#include "net/tls_server.h"
#include "net/tls_transport.h"

enum {
	PERIOD_MS = 12 * 60 * 60 * 1000,
	AES_KEY = 32,
	AES_BLOCK = 16,
	MAC_KEY = TLS_TICKET_SECRET - AES_KEY,
};

static bool (*read_keys)(void *arg, struct tls_ticket_key out[TLS_TICKET_KEYS]);
static void *read_arg;
static struct tls_ticket_key keys[TLS_TICKET_KEYS];	/* as they were read last */
static EVP_CIPHER *cipher;		/* fetched once: a look-up by name costs microseconds */

void
tls_tickets_use(bool (*read)(void *arg, struct tls_ticket_key out[TLS_TICKET_KEYS]), void *arg)
{
	read_keys = read;
	read_arg = arg;
}

/* While they cannot be read the last ones go on; false if there were never any. */
static bool
refresh_keys(void)
{
	struct tls_ticket_key fresh[TLS_TICKET_KEYS];

	if (read_keys != NULL && read_keys(read_arg, fresh) && fresh[0].begin_wall_ms != 0)
		memcpy(keys, fresh, sizeof(keys));
	OPENSSL_cleanse(fresh, sizeof(fresh));
	return keys[0].begin_wall_ms != 0;
}

static bool
start(const struct tls_ticket_key *key, EVP_CIPHER_CTX *ctx, EVP_MAC_CTX *mac,
    const unsigned char *iv, int sealing)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_octet_string(OSSL_MAC_PARAM_KEY, (void *)(key->secret + AES_KEY),
		    MAC_KEY),
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 6),
		OSSL_PARAM_END,
	};

	return EVP_CipherInit_ex2(ctx, cipher, key->secret, iv, sealing, NULL) == 1 &&
	    EVP_MAC_CTX_set_params(mac, params) == 1;
}

static int
seal(const struct tls_ticket_key *key, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *ctx,
    EVP_MAC_CTX *mac)
{
	if (RAND_bytes(iv, AES_BLOCK) != 1)
		return -1;
	memcpy(name, key->name, TLS_TICKET_NAME);
	return start(key, ctx, mac, iv, 1) ? 1 : -1;
}

/*
 * 1: opened; 2: opened, and another is to be sealed; 0: not ours, so a full handshake.  With
 * TLS 1.3 clients use a ticket once (RFC 8446, C.4), so there always has to be another.
 */
static int
on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *ctx, EVP_MAC_CTX *mac,
    int sealing)
{
	(void)refresh_keys();
	if (sealing)
		return seal(&keys[0], name, iv, ctx, mac);
	for (int i = 0; i < TLS_TICKET_KEYS; i++) {
		if (keys[i].begin_wall_ms == 0 ||
		    memcmp(keys[i].name, name, TLS_TICKET_NAME) != 0)
			continue;
		if (!start(&keys[i], ctx, mac, iv, 0))
			return -1;
		return i == 0 && SSL_version(ssl) != TLS1_3_VERSION ? 1 : 2;
	}
	return 0;
}

static bool
same_name(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcasecmp(a, b) == 0;
}

/* Up to TLS 1.2 a session belongs to a name, and another one means a full handshake: RFC 6066, 3.
 * OpenSSL would go on with the session, and take its name for the one that was sent. */
static SSL_TICKET_RETURN
on_opened(SSL *ssl, SSL_SESSION *session, const unsigned char *key_name, size_t key_name_len,
    SSL_TICKET_STATUS status, void *arg)
{
	(void)key_name;
	(void)key_name_len;
	(void)arg;
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	if (SSL_version(ssl) != TLS1_3_VERSION &&
	    !same_name(SSL_SESSION_get0_hostname(session), tls_current()->name))
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS_RENEW ? SSL_TICKET_RETURN_USE_RENEW :
	    SSL_TICKET_RETURN_USE;
}

bool
tls_tickets_apply(SSL_CTX *ctx)
{
	if (!refresh_keys())
		return false;
	if (cipher == NULL)
		cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	return cipher != NULL && SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) == 1 &&
	    SSL_CTX_set_session_ticket_cb(ctx, NULL, on_opened, NULL) == 1;
}

/* HKDF-SHA256 with the number of the period as context. */
static bool
derive(struct str secret, uint64_t period, uint8_t *out, size_t n)
{
	char info[32] = "usherd session ticket: ";
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	size_t info_len = strlen(info);
	bool ok;

	for (int i = 0; i < 8; i++)
		info[info_len++] = (char)(period >> (56 - 8 * i));
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 6),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret.p, secret.n),
		OSSL_PARAM_octet_string(OSSL_KDF_PARAM_INFO, info, info_len),
		OSSL_PARAM_END,
	};
	ok = ctx != NULL && EVP_KDF_derive(ctx, out, n, params) == 1;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok;
}

void
tls_ticket_derive(struct str secret, int64_t wall_ms, struct tls_ticket_key *out)
{
	uint8_t bytes[TLS_TICKET_NAME + TLS_TICKET_SECRET];
	int64_t period = wall_ms / PERIOD_MS;

	/* Fails only for a library without HKDF: then there are no tickets. */
	if (!derive(secret, (uint64_t)period, bytes, sizeof(bytes))) {
		ERR_clear_error();
		*out = (struct tls_ticket_key){ .begin_wall_ms = 0 };
		return;
	}
	memcpy(out->name, bytes, TLS_TICKET_NAME);
	memcpy(out->secret, bytes + TLS_TICKET_NAME, TLS_TICKET_SECRET);
	out->begin_wall_ms = period * PERIOD_MS;
	OPENSSL_cleanse(bytes, sizeof(bytes));
}
