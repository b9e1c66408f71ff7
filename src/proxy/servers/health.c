/*
 * health.c - when a server is up or down: so many good or bad looks in a row say so.
 */
#include "proxy/servers/health.h"

enum {
	FAST_MIN_MS = 200,
	FAST_MAX_MS = 2000,
	JITTER_PCT = 20,
};

static enum shm_health
next_state(const struct health *h, unsigned rise, unsigned fall)
{
	if (h->state == HEALTH_UNCHECKED)
		return h->good ? HEALTH_UP : HEALTH_DOWN;
	if (h->good && h->in_row >= rise)
		return HEALTH_UP;
	if (!h->good && h->in_row >= fall)
		return HEALTH_DOWN;
	return h->state;
}

bool
health_count(struct health *h, bool good, unsigned rise, unsigned fall)
{
	enum shm_health before = h->state;

	if (good != h->good)
		h->in_row = 0;
	h->good = good;
	if (h->in_row < UINT32_MAX)
		h->in_row++;
	h->state = next_state(h, rise, fall);
	return h->state != before;
}

msec
health_wait(const struct health *h, msec interval_ms)
{
	msec fast = interval_ms / 2;

	if (h->state == HEALTH_UP && h->good)
		return interval_ms;
	if (fast > FAST_MAX_MS)
		fast = FAST_MAX_MS;
	if (fast < FAST_MIN_MS)
		fast = FAST_MIN_MS;
	return fast < interval_ms ? fast : interval_ms;
}

msec
health_jitter(msec wait_ms, uint64_t random)
{
	msec most = wait_ms * JITTER_PCT / 100;

	return wait_ms - most + (msec)(random % (uint64_t)(2 * most + 1));
}
