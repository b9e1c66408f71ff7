/*
 * keys.h - the keys of TLS session tickets, from one writer to every worker.
 *
 * Two copies: the writer fills the one that nobody reads and then says that it is the newer one, so
 * a writer that dies halfway leaves readers with the keys before.  What is in a key is not known
 * here.
 */
#ifndef USHERD_SHM_KEYS_H
#define USHERD_SHM_KEYS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { SHM_KEYS = 3, SHM_KEY_WORDS = 11 };

/* Newest first. */
struct shm_keys {
	uint64_t words[SHM_KEYS][SHM_KEY_WORDS];
};

struct shm_key_ring {
	_Atomic uint32_t version;	/* 0: never written; its last bit says which copy is read */
	uint32_t unused;
	_Atomic uint64_t copies[2][SHM_KEYS * SHM_KEY_WORDS];
};

_Static_assert(sizeof(struct shm_key_ring) == 8 + 2 * sizeof(struct shm_keys), "no holes");

/* Master only. */
void shm_keys_set(struct shm_key_ring *ring, const struct shm_keys *keys);

/* A consistent copy; false when none was ever written, or the writer is faster than we read. */
bool shm_keys_get(const struct shm_key_ring *ring, struct shm_keys *keys);

#endif
