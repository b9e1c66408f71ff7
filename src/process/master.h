/*
 * master.h - the process that reads the configuration, holds the sockets and keeps workers alive.
 *
 *	start ─► generation 1 ready ─► running ──QUIT, TERM──► ending ─► exit
 *	                                 │  ▲
 *	                                HUP: generation N + 1; ready: N drains, failed: N goes on
 */
#ifndef USHERD_PROCESS_MASTER_H
#define USHERD_PROCESS_MASTER_H

#include "process/config.h"
#include "process/options.h"

/*
 * Runs until it is told to end, in the background unless the options say otherwise.  Takes over
 * `first`, but not `certificates`, where this and later configurations have theirs from.  Signals
 * are blocked, and `inherited` listening sockets begin at NOTIFY_FIRST_FD.  Returns the exit status
 * of the process.
 */
int master_run(const struct options *o, struct certificates *certificates, struct config *first,
    int inherited);

#endif
