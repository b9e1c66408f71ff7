/*
 * respawn.c - when the place of a worker is taken again.
 */
#include "process/respawn.h"

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
respawn_delay(struct respawn *r, msec lived_ms)
{
	if (lived_ms >= RESPAWN_YOUNG_MS) {
		r->deaths = 0;
		return 0;
	}
	r->deaths++;
	if (r->deaths <= RESPAWN_FREE)
		return 0;
	return growing(r->deaths - RESPAWN_FREE);
}

msec
respawn_retry(struct respawn *r)
{
	r->failures++;
	return growing(r->failures);
}
