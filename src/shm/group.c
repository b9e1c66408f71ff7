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

bool
shm_group_has_waiting_in(const struct shm_group *g, const struct shm_core *core,
    uint32_t generation)
{
	for (int i = 0; i < SHM_GROUP_WORDS; i++) {
		uint64_t bits = atomic_load(&g->waiting[i]);

		for (; bits != 0; bits &= bits - 1)
			if (core->data->workers[i * 64 + __builtin_ctzll(bits)].generation ==
			    generation)
				return true;
	}
	return false;
}

/* Whether a comes before b in the line; of workers that began at the same time the lower one. */
static bool
is_before(msec a_ms, int a, msec b_ms, int b)
{
	return a_ms < b_ms || (a_ms == b_ms && a < b);
}

int
shm_group_next(const struct shm_group *g, int after)
{
	msec after_ms = after >= 0 ? atomic_load(&g->head_ms[after]) : 0, next_ms = 0;
	int next = -1;

	for (int i = 0; i < SHM_GROUP_WORDS; i++) {
		uint64_t bits = atomic_load(&g->waiting[i]);

		for (; bits != 0; bits &= bits - 1) {
			int worker = i * 64 + __builtin_ctzll(bits);
			msec head_ms = atomic_load(&g->head_ms[worker]);

			if (after >= 0 && !is_before(after_ms, after, head_ms, worker))
				continue;
			if (next == -1 || is_before(head_ms, worker, next_ms, next)) {
				next = worker;
				next_ms = head_ms;
			}
		}
	}
	return next;
}

void
shm_group_tell(struct shm_group *g, int worker)
{
	atomic_fetch_or(&g->told[worker / 64], bit_of(worker));
}

bool
shm_group_was_told(struct shm_group *g, int worker)
{
	_Atomic uint64_t *word = &g->told[worker / 64];
	uint64_t bit = bit_of(worker);

	/* Mostly it was not: then the cache line stays with all workers. */
	return (atomic_load(word) & bit) != 0 && (atomic_fetch_and(word, ~bit) & bit) != 0;
}

void
shm_group_repair(struct shm_group *g, int worker)
{
	share_repair(&g->in_flight, &g->held[worker]);
	atomic_store(&g->queued[worker], 0);
	atomic_store(&g->head_ms[worker], 0);
	/* It may have died before it took its bit back. */
	atomic_fetch_and(&g->waiting[worker / 64], ~bit_of(worker));
	atomic_fetch_and(&g->told[worker / 64], ~bit_of(worker));
	/* Or before it let the others know of a server that it had just ejected. */
	shm_group_changed(g);
}
