/*
 * respawn.c - when the place of a worker that died is taken again.
 */
#include "process/respawn.h"

msec
respawn_delay(struct respawn *r, msec lived_ms)
{
	msec delay = RESPAWN_FIRST_MS;

	if (lived_ms >= RESPAWN_YOUNG_MS) {
		r->deaths = 0;
		return 0;
	}
	r->deaths++;
	if (r->deaths <= RESPAWN_FREE)
		return 0;
	for (unsigned n = RESPAWN_FREE + 1; n < r->deaths && delay < RESPAWN_MAX_MS; n++)
		delay *= 2;
	return delay < RESPAWN_MAX_MS ? delay : RESPAWN_MAX_MS;
}
