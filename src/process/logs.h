/*
 * logs.h - the log files of one configuration, opened by the master and used by its workers.
 */
#ifndef USHERD_PROCESS_LOGS_H
#define USHERD_PROCESS_LOGS_H

#include "conf/snapshot.h"

struct logs {
	int error_fd;			/* -1: syslog */
	int *fds;			/* by log index; -1 where the target is syslog */
	unsigned n;
};

/* Opens all; 0, or -1 after an error line for each that cannot be opened, then none is open. */
int logs_open(struct logs *l, const struct conf_snapshot *s);

/* Closes all; none must be in use any more. */
void logs_close(struct logs *l);

/* Makes `error_fd`, or syslog, what log_error() and the others write to. */
void logs_use(int error_fd);

/* Whether any log of the snapshot goes there. */
bool logs_go_to(const struct conf_snapshot *s, enum conf_log_target target);

#endif
