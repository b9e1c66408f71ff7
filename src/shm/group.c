/*
 * group.c - what all workers of all generations share about one backend, by its name.
 */
#include "shm/group.h"

#include "base/check.h"
#include "shm/share.h"

static uint64_t
bit_of(int worker)
{
	return UINT64_C(1) << (worker % 64);
}

bool
shm_group_take(struct shm_group *g, int worker, uint32_t max)
{
	return share_take(&g->in_flight, &g->held[worker], max);
}

void
shm_group_give(struct shm_group *g, int worker)
{
	share_give(&g->in_flight, &g->held[worker]);
}

uint32_t
shm_group_queued(const struct shm_group *g)
{
	uint32_t sum = 0;

	for (int i = 0; i < SHM_GROUP_WORDS; i++) {
		uint64_t bits = atomic_load(&g->waiting[i]);

		for (; bits != 0; bits &= bits - 1)
			sum += atomic_load_explicit(&g->queued[i * 64 + __builtin_ctzll(bits)],
			    memory_order_relaxed);
	}
	return sum;
}

void
shm_group_set_queue(struct shm_group *g, int worker, uint32_t n, msec head_ms)
{
	_Atomic uint64_t *word = &g->waiting[worker / 64];

	CHECK(worker >= 0 && worker < SHM_WORKERS);
	atomic_store(&g->head_ms[worker], n > 0 ? head_ms : 0);
	if (atomic_exchange(&g->queued[worker], n) == n)
		return;
	if (n > 0)
		atomic_fetch_or(word, bit_of(worker));
	else
		atomic_fetch_and(word, ~bit_of(worker));
}

int
shm_group_longest(const struct shm_group *g, int except)
{
	int longest = -1;
	msec since = 0;

	for (int i = 0; i < SHM_GROUP_WORDS; i++) {
		uint64_t bits = atomic_load(&g->waiting[i]);

		for (; bits != 0; bits &= bits - 1) {
			int worker = i * 64 + __builtin_ctzll(bits);
			msec head = atomic_load(&g->head_ms[worker]);

			if (worker != except && (longest == -1 || head < since)) {
				longest = worker;
				since = head;
			}
		}
	}
	return longest;
}
