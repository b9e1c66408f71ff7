/*
 * timer.h - timers of an event loop: an intrusive heap with lazy deadlines.
 *
 * Moving a deadline later is one store: the heap finds out when the old one is reached.  So a
 * connection moves its one timer at every step of a request for next to nothing.
 */
#ifndef USHERD_NET_TIMER_H
#define USHERD_NET_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

#define TIMER_NEVER INT64_MAX

/* The end of a time span that begins at `from`; one of TIMER_NEVER has none. */
static inline msec
msec_after(msec from, msec span)
{
	return span == TIMER_NEVER ? TIMER_NEVER : from + span;
}

struct timer {
	msec deadline_ms;		/* TIMER_NEVER: not armed */
	msec heap_ms;			/* where the heap has it; there <= deadline_ms */
	uint32_t heap_index;		/* 0: not in the heap */
	void (*fire)(struct timer *t);	/* called once at or after the deadline; may arm it again */
};

struct timer_heap {
	struct timer **v;		/* v[1] is the root */
	uint32_t n;
	uint32_t cap;
	msec earliest_ms;		/* while timers fire: none is armed for before */
};

/* A timer that is not armed. */
void timer_init(struct timer *t, void (*fire)(struct timer *));

/* Takes the timer out; it will not fire.  Must be called before its memory goes. */
void timer_cancel(struct timer_heap *h, struct timer *t);

/*
 * Arms, or moves, to an absolute time; TIMER_NEVER disarms.  While timers fire, a time that has
 * come already means the next millisecond: whoever has work for now again and again lets the rest
 * of the loop go on in between.
 */
void timer_set(struct timer_heap *h, struct timer *t, msec deadline_ms);

/* When the next timer may be due; TIMER_NEVER if none is armed. */
msec timer_next(const struct timer_heap *h);

/* Fires what is due at `now_ms`, each timer at most once. */
void timer_run(struct timer_heap *h, msec now_ms);

void timer_heap_fini(struct timer_heap *h);

#endif
