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

/* Name and version of the library that computes them, as found at run time. */
const char *digest_library(void);

#endif
