/*
 * digest.c - cryptographic hashes.
 */
#include "base/digest.h"

#include <endian.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>

#include "base/check.h"

void
digest_sha256(const struct str *parts, unsigned n, uint8_t out[DIGEST_SHA256])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	/* These fail only without memory, or in a build of OpenSSL that could not do TLS either. */
	CHECK(ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1);
	for (unsigned i = 0; i < n; i++) {
		uint64_t length = parts[i].n;

		CHECK(EVP_DigestUpdate(ctx, &length, sizeof(length)) == 1 &&
		    EVP_DigestUpdate(ctx, parts[i].p, parts[i].n) == 1);
	}
	CHECK(EVP_DigestFinal_ex(ctx, out, NULL) == 1);
	EVP_MD_CTX_free(ctx);
}

void
digest_sha256_text(struct str text, uint8_t out[DIGEST_SHA256])
{
	CHECK(EVP_Digest(text.p, text.n, out, NULL, EVP_sha256(), NULL) == 1);
}

void
digest_hmac_sha256_text(struct str key, struct str text, uint8_t out[DIGEST_SHA256])
{
	CHECK(HMAC(EVP_sha256(), key.p, (int)key.n, (const uint8_t *)text.p, text.n, out,
	    NULL) != NULL);
}

/* Looked up once: that takes longer than a short message. */
static EVP_MAC *
hmac(void)
{
	static EVP_MAC *found;

	if (found == NULL)
		found = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	CHECK(found != NULL);
	return found;
}

void
digest_hmac_sha256(struct str key, const struct str *parts, unsigned n,
    uint8_t out[DIGEST_SHA256])
{
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(hmac());
	char name[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, name, sizeof(name) - 1),
		OSSL_PARAM_END,
	};

	CHECK(ctx != NULL && EVP_MAC_init(ctx, (const uint8_t *)key.p, key.n, params) == 1);
	for (unsigned i = 0; i < n; i++) {
		uint64_t length = htole64(parts[i].n);	/* the same on all machines */

		CHECK(EVP_MAC_update(ctx, (const uint8_t *)&length, sizeof(length)) == 1 &&
		    EVP_MAC_update(ctx, (const uint8_t *)parts[i].p, parts[i].n) == 1);
	}
	CHECK(EVP_MAC_final(ctx, out, NULL, DIGEST_SHA256) == 1);
	EVP_MAC_CTX_free(ctx);
}

bool
digest_equal(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

const char *
digest_library(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}
