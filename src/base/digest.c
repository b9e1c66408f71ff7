/*
 * digest.c - cryptographic hashes.
 */
#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

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

const char *
digest_library(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}
