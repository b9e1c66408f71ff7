/*
 * stall.c - tells a peer that reads slowly from one that does not read at all.
 */
#include "net/stall.h"

#include "net/socket.h"

enum { LOOKS = 4 };		/* during one timeout */

static msec
next_look(msec timeout_ms)
{
	return timeout_ms == TIMER_NEVER ? TIMER_NEVER :
	    clock_ms() + (timeout_ms + LOOKS - 1) / LOOKS;
}

void
stall_progress(struct stall *s, msec timeout_ms)
{
	s->progress_ms = clock_ms();
	s->unacked = SIZE_MAX;
	s->check_ms = next_look(timeout_ms);
}

bool
stall_is_over(struct stall *s, const struct transport *t, msec timeout_ms)
{
	size_t unacked = socket_unacked(t->watcher.fd);

	if (unacked < s->unacked && s->unacked != SIZE_MAX)
		s->progress_ms = clock_ms();
	s->unacked = unacked;
	if (timeout_ms != TIMER_NEVER && clock_ms() - s->progress_ms >= timeout_ms)
		return true;
	s->check_ms = next_look(timeout_ms);
	return false;
}
