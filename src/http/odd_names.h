/*
 * odd_names.h - fields of requests whose names have _ or . are dropped, and the log says so.
 *
 * Clients choose these names: they must not be able to fill the log, nor to keep other names out of
 * it for long.
 */
#ifndef USHERD_HTTP_ODD_NAMES_H
#define USHERD_HTTP_ODD_NAMES_H

#include <stdbool.h>

#include "base/clock.h"
#include "http/fields.h"

enum {
	ODD_NAMES_REMEMBERED = 64,
	ODD_NAMES_A_MINUTE = 16,	/* lines in the log */
};

/* What the log has been told; all-zero is the beginning. */
struct odd_names {
	uint64_t seen[ODD_NAMES_REMEMBERED];	/* hashes; the oldest is overwritten */
	unsigned told;			/* in all */
	unsigned told_now;		/* in the minute that began at since_ms */
	msec since_ms;
};

/*
 * Whether the log should be told of a name: it is none of the last ODD_NAMES_REMEMBERED, and fewer
 * than ODD_NAMES_A_MINUTE were told in this minute.  True counts as told.
 */
bool odd_names_is_news(struct odd_names *o, struct str name, msec now_ms);

/* Drops such fields. */
void odd_names_drop(struct fields *fields);

#endif
