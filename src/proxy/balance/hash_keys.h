/*
 * hash_keys.h - what `balance = hash KEY` and `balance = ip_hash` go by.
 */
#ifndef USHERD_PROXY_BALANCE_HASH_KEYS_H
#define USHERD_PROXY_BALANCE_HASH_KEYS_H

#include "conf/snapshot.h"

struct exchange;
struct hash_keys;

/* Compiles the keys of all backends; NULL after an error.  Freed with hash_keys_free(). */
struct hash_keys *hash_keys_new(const struct conf_snapshot *snapshot, struct conf_errors *errors);
void hash_keys_free(struct hash_keys *h);

/* The hash that a server of the backend is chosen by for a request; 0 where it plays no part. */
uint64_t hash_keys_eval(const struct hash_keys *h, const struct conf_backend *backend,
    const struct exchange *x);

#endif
