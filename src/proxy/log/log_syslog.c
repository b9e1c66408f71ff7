/*
 * log_syslog.c - access log lines as datagrams to a log daemon.
 */
#include "proxy/log/log_syslog.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"

/* Facility local7, severity info: what nginx and Apache use, apart from the error log. */
enum { PRIORITY = 23 * 8 + 6 };

void
log_syslog_open(struct log_syslog *s, const struct addr *to)
{
	struct addr local;

	s->remote = to->len > 0;
	if (gethostname(s->host, sizeof(s->host)) == -1)
		strcpy(s->host, "-");
	s->host[sizeof(s->host) - 1] = '\0';
	CHECK(addr_parse(&local, STR_OF("unix:" SYSLOG_LOCAL), 0));
	syslog_open(&s->socket, s->remote ? to : &local);
}

void
log_syslog_close(struct log_syslog *s)
{
	syslog_close(&s->socket);
}

static size_t
write_head(const struct log_syslog *s, char head[LOG_SYSLOG_HEAD])
{
	time_t now = (time_t)(clock_wall_ms() / 1000);
	char stamp[32];
	struct tm tm;
	int n;

	if (s->remote) {
		n = snprintf(head, LOG_SYSLOG_HEAD, "<%d>1 %.*s %s usherd %d access - ", PRIORITY,
		    STR_ARG(clock_iso8601()), s->host, (int)getpid());
		return (size_t)n;
	}
	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &tm);
	n = snprintf(head, LOG_SYSLOG_HEAD, "<%d>%s usherd[%d]: ", PRIORITY, stamp, (int)getpid());
	return (size_t)n;
}

bool
log_syslog_send(struct log_syslog *s, struct str line)
{
	char head[LOG_SYSLOG_HEAD];
	struct iovec iov[] = {
		{ head, write_head(s, head) }, { (char *)(uintptr_t)line.p, line.n },
	};
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = ARRAY_LEN(iov) };

	if (s->socket.fd != -1 && sendmsg(s->socket.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return true;
	if (s->socket.fd != -1 && (errno == EAGAIN || errno == ENOBUFS))
		return false;
	/* The daemon was restarted: its old socket refuses, a new one is at the same address. */
	syslog_close(&s->socket);
	return syslog_open(&s->socket, &s->socket.to) &&
	    sendmsg(s->socket.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}
