/*
 * orphans.h - the workers of a master that died without ending them.
 *
 * PIDFILE.workers lists the living workers, one a line: pid and start time, which tells a worker
 * from a stranger that got its number.
 */
#ifndef USHERD_PROCESS_ORPHANS_H
#define USHERD_PROCESS_ORPHANS_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Tells the workers that the list of `pid_file` names, and that still live, to finish: they close
 * their listening sockets at once.  Returns how many there are.
 */
unsigned orphans_quit(const char *pid_file);

/* Writes the list anew, in one step.  A failure is logged. */
void orphans_list(const char *pid_file, const pid_t *pids, size_t n);

/* Removes the list. */
void orphans_forget(const char *pid_file);

#endif
