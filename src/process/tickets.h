/*
 * tickets.h - where the keys of TLS session tickets come from.
 *
 * Random keys are made by the master in shared memory, so that every worker of every generation
 * opens what another sealed.  With tls_ticket_secret the workers derive them from that and the
 * time, and several machines agree without a word between them.
 */
#ifndef USHERD_PROCESS_TICKETS_H
#define USHERD_PROCESS_TICKETS_H

#include "base/clock.h"
#include "base/str.h"
#include "shm/core.h"

enum { TICKETS_PERIOD_MS = 12 * 60 * 60 * 1000 };

/*
 * Makes the first key, or a new one when the newest is a period old or of the future (the clock was
 * set back); the two before still open tickets.  To be called now and then by the master.
 */
void tickets_rotate(struct shm_core *core, msec wall_ms);

/*
 * Makes new handshakes of this process use the keys of `core` or, unless it is absent, those of
 * `secret`; both must outlive the process's connections.  Worker, once.
 */
void tickets_use(const struct shm_core *core, struct str secret);

#endif
