/*
 * retry_budget.c - how many retries a worker grants a backend.
 */
#include "proxy/fetch/retry_budget.h"

#include <string.h>

#include "base/rng.h"

enum {
	WARNING_MS = 10000,		/* between two */
	PAUSE_MS = 25,
	PAUSE_MAX_MS = 250,
};

/* Forgets what is too long ago. */
static void
advance(struct retry_budget *b, msec now_ms)
{
	int64_t now = now_ms / 1000;

	if (now - b->second >= RETRY_SPAN_S) {
		memset(b->requests, 0, sizeof(b->requests));
		memset(b->retries, 0, sizeof(b->retries));
		b->all_requests = b->all_retries = 0;
		b->second = now;
	}
	while (b->second < now) {
		int64_t i = ++b->second % RETRY_SPAN_S;

		b->all_requests -= b->requests[i];
		b->all_retries -= b->retries[i];
		b->requests[i] = b->retries[i] = 0;
	}
}

void
retry_budget_request(struct retry_budget *b, msec now_ms)
{
	advance(b, now_ms);
	b->requests[b->second % RETRY_SPAN_S]++;
	b->all_requests++;
}

bool
retry_budget_take(struct retry_budget *b, msec now_ms, int64_t pct)
{
	uint32_t *here;

	advance(b, now_ms);
	here = &b->retries[b->second % RETRY_SPAN_S];
	if (*here >= RETRY_FLOOR &&
	    (b->all_retries + UINT64_C(1)) * 100 > b->all_requests * (uint64_t)pct)
		return false;
	++*here;
	b->all_retries++;
	return true;
}

void
retry_budget_give_back(struct retry_budget *b, msec now_ms)
{
	advance(b, now_ms);
	for (int ago = 0; ago < RETRY_SPAN_S; ago++) {
		uint32_t *retries = &b->retries[(b->second + RETRY_SPAN_S - ago) % RETRY_SPAN_S];

		if (*retries > 0) {
			--*retries;
			b->all_retries--;
			return;
		}
	}
}

uint32_t
retry_budget_refused(struct retry_budget *b, msec now_ms)
{
	uint32_t n = ++b->refused;

	if (now_ms < b->next_warning_ms)
		return 0;
	b->refused = 0;
	b->next_warning_ms = now_ms + WARNING_MS;
	return n;
}

msec
retry_pause_ms(unsigned n)
{
	msec most = n < 4 ? PAUSE_MS << n : PAUSE_MAX_MS;

	return 1 + (msec)rng_below((uint64_t)most);
}
