/*
 * daemon.h - going to the background, with the outcome of the start as exit status.
 */
#ifndef USHERD_PROCESS_DAEMON_H
#define USHERD_PROCESS_DAEMON_H

#include <stdbool.h>

/*
 * Forks; the child goes on in a session of its own.  The parent waits until the child calls
 * daemon_ready() and exits with 0, or with 1 if the child ends before that.  0 in the child, or -1
 * with errno.
 */
int daemon_start(void);

/* Whether daemon_start() was called. */
bool daemon_in_background(void);

/* A descriptor of /dev/null for daemon_detach(), which a fork must keep open; -1: none. */
int daemon_null_fd(void);

/*
 * In the background: standard input, output and error become /dev/null, except those that logs
 * need.  Every process does so when nobody waits for its words any more.
 */
void daemon_detach(bool keep_stdout, bool keep_stderr);

/* Lets the parent go; nothing happens in the foreground, or the second time. */
void daemon_ready(void);

#endif
