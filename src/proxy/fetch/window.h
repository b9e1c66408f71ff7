/*
 * window.h - how much a sender may send ahead of a receiver, one way through a fetch.
 *
 *	sender ─► window_use() ─► bytes are queued: window_shut() ... drained: window_open()
 *	       ◄─ window_grant()
 *
 * No credit is given while bytes are queued, so that these and the credit that is left never exceed
 * one window.  It is memory for as long as the receiver takes to read, so that one that reads
 * slowly gets a smaller window.  One that keeps up empties 64 KiB at once: less means more calls.
 */
#ifndef USHERD_PROXY_FETCH_WINDOW_H
#define USHERD_PROXY_FETCH_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

enum {
	WINDOW_BYTES = 65536,
	WINDOW_SLOW_BYTES = 16384,
	WINDOW_SLOW_MS = 100,		/* a receiver for which bytes waited so long is slow */
};

/* All-zero: the sender has no credit, and the receiver takes what comes. */
struct window {
	uint64_t credit;		/* bytes that the sender may still send */
	msec shut_ms;			/* bytes have been queued since then */
	bool shut;
	bool slow;			/* how the receiver was the last time */
};

/* The sender sent `n` bytes; more than it had credit for are not held against it. */
static inline void
window_use(struct window *w, uint64_t n)
{
	w->credit -= n < w->credit ? n : w->credit;
}

/* Bytes are queued for the receiver: nothing is granted until window_open(). */
static inline void
window_shut(struct window *w)
{
	if (!w->shut)
		w->shut_ms = clock_ms();
	w->shut = true;
}

/* What went before does not tell how slow the receiver is: it was not there. */
static inline void
window_restart(struct window *w)
{
	w->shut_ms = clock_ms();
}

/* The receiver has taken all. */
static inline void
window_open(struct window *w)
{
	if (w->shut)
		w->slow = clock_ms() - w->shut_ms >= WINDOW_SLOW_MS;
	w->shut = false;
}

/* The credit that the sender is to get now; 0: none. */
static inline uint64_t
window_grant(struct window *w)
{
	uint64_t size = w->slow ? WINDOW_SLOW_BYTES : WINDOW_BYTES;
	uint64_t n = w->shut || w->credit >= size ? 0 : size - w->credit;

	w->credit += n;
	return n;
}

#endif
