/*
 * syslog.c - datagrams to a log daemon, without blocking and across its restarts.
 */
#include "base/syslog.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { FACILITY_DAEMON = 3, PATIENCE_MS = 20 };

static bool
connect_socket(struct syslog *s)
{
	s->fd = socket(s->to.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return false;
	if (connect(s->fd, &s->to.sa, s->to.len) == 0)
		return true;
	syslog_close(s);
	return false;
}

bool
syslog_open(struct syslog *s, const struct addr *to)
{
	s->to = *to;
	return connect_socket(s);
}

void
syslog_close(struct syslog *s)
{
	int error = errno;

	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	errno = error;
}

/* One attempt; a daemon that is slow to read gets a moment. */
static bool
send_once(const struct syslog *s, struct iovec *iov, int count)
{
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = (size_t)count };
	struct pollfd ready = { .fd = s->fd, .events = POLLOUT };

	if (sendmsg(s->fd, &message, MSG_NOSIGNAL) >= 0)
		return true;
	if (errno == EAGAIN && poll(&ready, 1, PATIENCE_MS) != 1)
		return false;
	if (errno != EAGAIN && errno != EINTR)
		return false;
	return sendmsg(s->fd, &message, MSG_NOSIGNAL) >= 0;
}

bool
syslog_send(struct syslog *s, struct iovec *iov, int count)
{
	if (s->fd >= 0 && send_once(s, iov, count))
		return true;
	if (s->fd >= 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	/* The daemon was restarted: its old socket refuses, a new one is at the same address. */
	syslog_close(s);
	return connect_socket(s) && send_once(s, iov, count);
}

size_t
syslog_head(char out[SYSLOG_HEAD], int severity, const char *ident)
{
	time_t now = time(NULL);
	char stamp[32];
	struct tm tm;
	int n;

	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &tm);
	n = snprintf(out, SYSLOG_HEAD, "<%d>%s %.40s[%d]: ", FACILITY_DAEMON * 8 + severity, stamp,
	    ident, (int)getpid());
	return (size_t)n;
}
