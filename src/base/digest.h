/*
 * digest.h - cryptographic hashes.
 */
#ifndef USHERD_BASE_DIGEST_H
#define USHERD_BASE_DIGEST_H

#include <stdint.h>

#include "base/str.h"

enum { DIGEST_SHA256 = 32 };

/* SHA-256 (FIPS 180-4) of the `n` parts, each preceded by its length: their borders count too. */
void digest_sha256(const struct str *parts, unsigned n, uint8_t out[DIGEST_SHA256]);

/* SHA-256 of nothing but the text, and HMAC-SHA-256 (RFC 2104) of it, as others compute them. */
void digest_sha256_text(struct str text, uint8_t out[DIGEST_SHA256]);
void digest_hmac_sha256_text(struct str key, struct str text, uint8_t out[DIGEST_SHA256]);

/* Name and version of the library that computes them, as found at run time. */
const char *digest_library(void);

#endif
