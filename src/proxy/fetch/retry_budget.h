/*
 * retry_budget.h - how many retries a worker grants a backend: a share of its requests of late, so
 * that servers in trouble are not stormed with twice the traffic.
 */
#ifndef USHERD_PROXY_FETCH_RETRY_BUDGET_H
#define USHERD_PROXY_FETCH_RETRY_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

enum {
	RETRY_SPAN_S = 10,		/* "of late" */
	RETRY_FLOOR = 3,		/* retries a second that few requests are granted too */
};

/* What happened in each of the last seconds, and their sums.  All zero to begin with. */
struct retry_budget {
	int64_t second;			/* that the newest counters are for */
	uint32_t requests[RETRY_SPAN_S];
	uint32_t retries[RETRY_SPAN_S];
	uint32_t all_requests;
	uint32_t all_retries;
	uint32_t refused;		/* since the last warning */
	msec next_warning_ms;
};

/* A request came. */
void retry_budget_request(struct retry_budget *b, msec now_ms);

/* True if one more retry is at most `pct` percent of the requests, or within the floor: it counts
 * from now on. */
bool retry_budget_take(struct retry_budget *b, msec now_ms, int64_t pct);

/* A retry that was taken shall not count after all. */
void retry_budget_give_back(struct retry_budget *b, msec now_ms);

/* A retry was refused: how many have been since the last warning if it is time for one, else 0. */
uint32_t retry_budget_refused(struct retry_budget *b, msec now_ms);

/* How long to wait before retry `n` (from 1): chance decides, so that requests that failed together
 * do not come back together. */
msec retry_pause_ms(unsigned n);

#endif
