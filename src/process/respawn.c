/*
 * respawn.c - when a worker that died is replaced.
 */
#include "process/respawn.h"

enum { PACE_MS = 1000 };

/* Before try `n`, from 1 on. */
static msec
growing(unsigned n)
{
	msec delay = RESPAWN_FIRST_MS;

	for (; n > 1 && delay < RESPAWN_MAX_MS; n--)
		delay *= 2;
	return delay < RESPAWN_MAX_MS ? delay : RESPAWN_MAX_MS;
}

msec
respawn_delay(struct respawn *r, msec lived_ms, bool killed)
{
	if (lived_ms >= RESPAWN_EARLY_MS) {
		r->crashes = 0;
		return 0;
	}
	if (killed)
		return 0;
	r->crashes++;
	if (r->crashes <= RESPAWN_FREE)
		return 0;
	return growing(r->crashes - RESPAWN_FREE);
}

bool
respawn_may_wait(unsigned waiting, unsigned slots)
{
	return waiting < slots / 2;
}

msec
respawn_retry(struct respawn *r)
{
	r->failures++;
	return growing(r->failures);
}

msec
respawn_next(const struct respawn_pace *p, msec now_ms)
{
	msec allowed;

	if (p->count < RESPAWN_FORKS)
		return now_ms;
	allowed = p->forks_ms[p->count % RESPAWN_FORKS] + PACE_MS;
	return allowed > now_ms ? allowed : now_ms;
}

void
respawn_note(struct respawn_pace *p, msec now_ms)
{
	p->forks_ms[p->count++ % RESPAWN_FORKS] = now_ms;
}
