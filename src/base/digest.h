/*
 * digest.h - cryptographic hashes.
 */
#ifndef USHERD_BASE_DIGEST_H
#define USHERD_BASE_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { DIGEST_SHA256 = 32 };

/* SHA-256 (FIPS 180-4) of the `n` parts, each preceded by its length: their borders count too. */
void digest_sha256(const struct str *parts, unsigned n, uint8_t out[DIGEST_SHA256]);

/* HMAC-SHA-256 (RFC 2104) of the parts, with their lengths as above, under a key of any length. */
void digest_hmac_sha256(struct str key, const struct str *parts, unsigned n,
    uint8_t out[DIGEST_SHA256]);

/* SHA-256 of nothing but the text, and HMAC-SHA-256 (RFC 2104) of it, as others compute them. */
void digest_sha256_text(struct str text, uint8_t out[DIGEST_SHA256]);
void digest_hmac_sha256_text(struct str key, struct str text, uint8_t out[DIGEST_SHA256]);

/* Compares `n` bytes in a time that does not tell where they differ. */
bool digest_equal(const void *a, const void *b, size_t n);

/* Name and version of the library that computes them, as found at run time. */
const char *digest_library(void);

#endif
