/*
 * keys.c - the keys of TLS session tickets, from one writer to every worker.
 */
#include "shm/keys.h"

#include "base/check.h"

/* The writer comes once in hours: a reader that met it twice in a row met a broken segment. */
enum { TRIES = 8 };

void
shm_keys_set(struct shm_key_ring *ring, const struct shm_keys *keys)
{
	uint32_t next = atomic_load_explicit(&ring->version, memory_order_relaxed) + 1;
	_Atomic uint64_t *copy = ring->copies[next & 1];
	const uint64_t *words = keys->words[0];

	/* A reader still at this copy, which was the current one before, must see that it is late:
	 * the version that said so was stored before these words. */
	atomic_thread_fence(memory_order_release);
	for (size_t i = 0; i < ARRAY_LEN(ring->copies[0]); i++)
		atomic_store_explicit(&copy[i], words[i], memory_order_relaxed);
	atomic_store_explicit(&ring->version, next, memory_order_release);
}

bool
shm_keys_get(const struct shm_key_ring *ring, struct shm_keys *keys)
{
	uint64_t *words = keys->words[0];

	for (int i = 0; i < TRIES; i++) {
		uint32_t version = atomic_load_explicit(&ring->version, memory_order_acquire);
		const _Atomic uint64_t *copy = ring->copies[version & 1];

		if (version == 0)
			return false;
		for (size_t j = 0; j < ARRAY_LEN(ring->copies[0]); j++)
			words[j] = atomic_load_explicit(&copy[j], memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&ring->version, memory_order_relaxed) == version)
			return true;
	}
	return false;
}
