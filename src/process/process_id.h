/*
 * process_id.h - a process, told from others that get its number later.
 */
#ifndef USHERD_PROCESS_PROCESS_ID_H
#define USHERD_PROCESS_PROCESS_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process_id {
	pid_t pid;
	uint64_t started;		/* ticks since the boot; 0: there is no such process */
};

/* The process that has the number now. */
struct process_id process_id_of(pid_t pid);

/*
 * Whether the process lives and runs usherd.  The name of its program is compared with that of
 * ours, as an upgrade replaces the file; whoever may not see it goes by the start time alone.
 */
bool process_id_lives(struct process_id id);

/* Whether a file of this owner may speak for the process: root's, the caller's, or its own. */
bool process_id_may_name(struct process_id id, uid_t owner);

/* Sends a signal if the process lives and runs usherd.  0, or -1 with errno, ESRCH if not. */
int process_id_signal(struct process_id id, int signo);

#endif
