/*
 * clock.h - the time, read once per turn of the event loop.
 */
#ifndef USHERD_BASE_CLOCK_H
#define USHERD_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "base/str.h"

typedef int64_t msec;		/* milliseconds; monotonic unless the name has _wall */

/*
 * Reads the clocks; the loop does this after each wait.  The first call also reads the time zone,
 * and so has to precede a chroot.
 */
void clock_update(void);

/* The monotonic time now, in microseconds: a system call's worth, or nearly. */
int64_t clock_read_us(void);

extern msec clock_cached_ms;
extern int64_t clock_cached_us;
extern msec clock_cached_wall_ms;

/* The monotonic time of the last clock_update(). */
static inline msec
clock_ms(void)
{
	return clock_cached_ms;
}

/* The same in microseconds. */
static inline int64_t
clock_us(void)
{
	return clock_cached_us;
}

/* Milliseconds since the epoch, as of the last clock_update(). */
static inline msec
clock_wall_ms(void)
{
	return clock_cached_wall_ms;
}

/* Texts of the wall clock, made at most once a second; valid until the next clock_update(). */
struct str clock_http_date(void);	/* Sun, 06 Nov 1994 08:49:37 GMT: RFC 9110, 5.6.7 */
struct str clock_clf(void);		/* 06/Nov/1994:08:49:37 +0000 in local time */
struct str clock_iso8601(void);		/* 1994-11-06T08:49:37+00:00 in local time */

#endif
