/*
 * syslog.h - datagrams to a log daemon, without blocking and across its restarts.
 */
#ifndef USHERD_BASE_SYSLOG_H
#define USHERD_BASE_SYSLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "base/addr.h"

#define SYSLOG_LOCAL	"/dev/log"

enum { SYSLOG_HEAD = 128 };

struct syslog {
	struct addr to;
	int fd;			/* -1: not connected, to be tried again */
};

/* Severities of RFC 3164, 4.1.1. */
enum { SYSLOG_ERROR = 3, SYSLOG_WARNING, SYSLOG_NOTICE, SYSLOG_INFO, SYSLOG_DEBUG };

/* Connects to the address.  False with errno set if that fails; sending then tries again. */
bool syslog_open(struct syslog *s, const struct addr *to);
void syslog_close(struct syslog *s);

/* Sends one message.  Connects again where the daemon went away; false when it is lost. */
bool syslog_send(struct syslog *s, struct iovec *iov, int count);

/*
 * The head of a local message in the form of RFC 3164, facility daemon:
 * `<29>Jan  2 15:04:05 usherd[4711]: `.  NUL-terminated; returns the length.
 */
size_t syslog_head(char out[SYSLOG_HEAD], int severity, const char *ident);

#endif
