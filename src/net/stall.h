/*
 * stall.h - tells a peer that reads slowly from one that does not read at all.
 *
 * A socket becomes writable again only when much of its buffer is free, which a slow reader may not
 * reach within a timeout.  So while bytes wait, the kernel is asked now and then how many the peer
 * has not acknowledged: as long as they get fewer, it reads.
 */
#ifndef USHERD_NET_STALL_H
#define USHERD_NET_STALL_H

#include <stdbool.h>

#include "net/timer.h"
#include "net/transport.h"

struct stall {
	msec check_ms;			/* look at it then; TIMER_NEVER: nothing waits */
	msec progress_ms;		/* when bytes last went on */
	size_t unacked;
};

/* Nothing waits. */
static inline void
stall_clear(struct stall *s)
{
	s->check_ms = TIMER_NEVER;
}

/* Bytes wait, and some have just gone (or are the first to wait). */
void stall_progress(struct stall *s, msec timeout_ms);

/* At check_ms: true if nothing has gone for `timeout_ms`; else check_ms moves on. */
bool stall_is_over(struct stall *s, const struct transport *t, msec timeout_ms);

#endif
