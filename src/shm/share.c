/*
 * share.c - a total that all workers move, and beside it the share of each, to repair a death.
 */
#include "shm/share.h"

enum {
	CAS_TRIES = 1000,		/* each lost one is a step that somebody else made */
	LOOKS = 8,
};

static void
subtract(_Atomic uint32_t *number, uint32_t n)
{
	uint32_t old = atomic_load(number);

	for (int i = 0; i < CAS_TRIES; i++)
		if (atomic_compare_exchange_weak(number, &old, old > n ? old - n : 0))
			return;
}

bool
share_take(_Atomic uint32_t *total, _Atomic uint32_t *mine, uint32_t max)
{
	uint32_t old;

	if (max == 0) {
		atomic_fetch_add(total, 1);
		atomic_fetch_add(mine, 1);
		return true;
	}
	old = atomic_load(total);
	for (int i = 0; i < CAS_TRIES && old < max; i++) {
		if (atomic_compare_exchange_weak(total, &old, old + 1)) {
			atomic_fetch_add(mine, 1);
			return true;
		}
	}
	return false;
}

void
share_give(_Atomic uint32_t *total, _Atomic uint32_t *mine)
{
	subtract(mine, 1);
	subtract(total, 1);
}

void
share_repair(_Atomic uint32_t *total, _Atomic uint32_t *mine)
{
	uint32_t share = atomic_exchange(mine, 0);

	if (share > 0)
		subtract(total, share);
}

static uint32_t
sum_of(const _Atomic uint32_t *shares, int n)
{
	uint32_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += atomic_load(&shares[i]);
	return sum;
}

/*
 * Whether total and shares differ: what is read while workers go on may seem to, so it has to read
 * the same twice.  If they never pause for so long, there is a next time.
 */
static bool
differ(_Atomic uint32_t *total, const _Atomic uint32_t *shares, int n, uint32_t *now,
    uint32_t *sum)
{
	for (int i = 0; i < LOOKS; i++) {
		*now = atomic_load(total);
		*sum = sum_of(shares, n);
		if (*now == *sum)
			return false;
		if (atomic_load(total) == *now && sum_of(shares, n) == *sum)
			return true;
	}
	return false;
}

void
share_correct(_Atomic uint32_t *total, const _Atomic uint32_t *shares, int n, uint64_t *last_look)
{
	uint32_t now, sum;
	uint64_t look = differ(total, shares, n, &now, &sum) ? (uint64_t)now << 32 | sum : 0;

	if (look != 0 && look == *last_look) {
		/* A worker that moves the total just now wins; then there is a next time. */
		(void)atomic_compare_exchange_strong(total, &now, sum);
		look = 0;
	}
	*last_look = look;
}
