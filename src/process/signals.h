/*
 * signals.h - signals as events of the loop.
 */
#ifndef USHERD_PROCESS_SIGNALS_H
#define USHERD_PROCESS_SIGNALS_H

#include "net/loop.h"

struct signals {
	struct watcher watcher;
	void (*on_signal)(struct signals *s, int signo);
};

/*
 * Blocks all signals that usherd handles, and ignores SIGPIPE.  To be called first of all: what
 * arrives before signals_watch() waits until then.  Children inherit both.
 */
void signals_block(void);

/* Undoes it, for a process that is to be ended by signals as usual. */
void signals_unblock(void);

/* The name of a handled signal: "SIGHUP"; else "signal". */
const char *signal_name(int signo);

/* Calls `on_signal` for each signal from the loop.  0, or -1 with errno. */
int signals_watch(struct signals *s, struct loop *loop,
    void (*on_signal)(struct signals *s, int signo));

#endif
