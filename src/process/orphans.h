/*
 * orphans.h - PIDFILE.workers: the master and its living workers, and who of them are left when a
 * master has died.
 *
 * A line has a pid and a start time, which tells a process from another one that got its number.
 */
#ifndef USHERD_PROCESS_ORPHANS_H
#define USHERD_PROCESS_ORPHANS_H

#include <stddef.h>
#include <sys/types.h>

#include "process/process_id.h"

/* Adds this process to the list, whose lines stay.  0, or -1 with errno. */
int orphans_add_self(const char *pid_file);

/* The process with this number in the list; its start time is 0 if it is not there. */
struct process_id orphans_find(const char *pid_file, pid_t pid);

/*
 * Tells the workers that the list of `pid_file` names, and that still live, to finish: they close
 * their listening sockets at once.  Returns how many there are.
 */
unsigned orphans_quit(const char *pid_file);

/*
 * Writes the list anew, in one step: this process and these workers.  0, or -1 after an error line.
 */
int orphans_list(const char *pid_file, const pid_t *pids, size_t n);

/* Removes the list. */
void orphans_forget(const char *pid_file);

#endif
