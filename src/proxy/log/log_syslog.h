/*
 * log_syslog.h - access log lines as datagrams to a log daemon.
 *
 * To the local daemon in the form of RFC 3164, to others by UDP in that of RFC 5424.  Never waits:
 * a line that the daemon does not take at once is lost.
 */
#ifndef USHERD_PROXY_LOG_LOG_SYSLOG_H
#define USHERD_PROXY_LOG_LOG_SYSLOG_H

#include "base/syslog.h"

enum {
	LOG_SYSLOG_MESSAGE = 2048,	/* what a receiver should take: RFC 5424, 6.1 */
	LOG_SYSLOG_HEAD = 320,		/* longest head: it has a host name */
	LOG_SYSLOG_LINE = LOG_SYSLOG_MESSAGE - LOG_SYSLOG_HEAD,
};

struct log_syslog {
	struct syslog socket;
	bool remote;			/* UDP and RFC 5424 */
	char host[256];			/* our name, for RFC 5424 */
};

/* Connects; an address of length 0 is the local daemon.  When that fails each line tries again. */
void log_syslog_open(struct log_syslog *s, const struct addr *to);
void log_syslog_close(struct log_syslog *s);

/* Sends a line (without a newline); false with errno when it is lost. */
bool log_syslog_send(struct log_syslog *s, struct str line);

#endif
