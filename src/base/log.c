/*
 * log.c - the error log.
 */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/syslog.h"

/* A whole line is below PIPE_BUF, so a pipe that is ready takes it in one piece and at once. */
enum { TEXT_SIZE = 2048, HEAD_SIZE = 128, ESCAPED_SIZE = 4, PATIENCE_MS = 20 };

/* What is left of TEXT_SIZE for a mark and the end of the line. */
static const struct str cut_mark = STR("...\n");

struct text {
	char p[TEXT_SIZE];
	size_t n;
};

const char *const log_level_names[5] = { "error", "warn", "notice", "info", "debug" };
bool log_debug_on;

static enum log_level max_level = LOG_LEVEL_NOTICE;
static int out_fd = STDERR_FILENO;	/* -1: syslog */
static bool out_stamp;
static bool stderr_too;
static void (*tee)(void *arg, enum log_level level, const char *line, size_t n);
static void *tee_arg;
static struct syslog daemon_log = { .fd = -1 };
static const char *daemon_ident;

static unsigned lost_lines;		/* since the last line that could be written */
static bool torn_line;			/* the file ends within a line: the disk is full */

void
log_to_fd(int fd, bool stamp)
{
	syslog_close(&daemon_log);
	out_fd = fd;
	out_stamp = stamp;
	torn_line = false;
}

void
log_to_syslog(const char *ident)
{
	struct addr to;

	syslog_close(&daemon_log);
	daemon_ident = ident;
	CHECK(addr_parse(&to, STR_OF("unix:" SYSLOG_LOCAL), 0));
	syslog_open(&daemon_log, &to);
	out_fd = -1;
}

int
log_syslog_fd(void)
{
	return daemon_log.fd;
}

void
log_also_stderr(bool on)
{
	stderr_too = on;
}

void
log_tee(void (*also)(void *arg, enum log_level level, const char *line, size_t n), void *arg)
{
	tee = also;
	tee_arg = arg;
}

void
log_set_level(enum log_level level)
{
	max_level = level;
	log_debug_on = level >= LOG_LEVEL_DEBUG;
}

enum log_level
log_get_level(void)
{
	return max_level;
}

/*
 * How many bytes of `s` may stand as they are, 0 if its first one is to be escaped: a control
 * (also the C1 ones, which some terminals obey in UTF-8) or no UTF-8.
 */
static size_t
printable(struct str s)
{
	unsigned char c = (unsigned char)s.p[0];
	size_t n = c >= 0x20 && c != 0x7f ? str_utf8(s) : 0;

	return n == 2 && c == 0xc2 && (unsigned char)s.p[1] < 0xa0 ? 0 : n;
}

static void
escape(struct text *text, struct str raw, bool cut)
{
	size_t n;

	text->n = 0;
	while (raw.n > 0 && text->n + ESCAPED_SIZE + cut_mark.n <= TEXT_SIZE) {
		char *to = text->p + text->n;

		n = printable(raw);
		if (n > 0)
			memcpy(to, raw.p, n);
		else
			sprintf(to, "\\x%02x", (unsigned char)raw.p[0]);
		text->n += n > 0 ? n : ESCAPED_SIZE;
		raw = str_skip(raw, n > 0 ? n : 1);
	}
	if (raw.n > 0 || cut) {
		memcpy(text->p + text->n, cut_mark.p, cut_mark.n);
		text->n += cut_mark.n;
	} else {
		text->p[text->n++] = '\n';
	}
}

static size_t
stamp_head(char head[HEAD_SIZE], enum log_level level)
{
	struct timespec now;
	struct tm tm;
	char date[32];
	int n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	n = snprintf(head, HEAD_SIZE, "%s.%03dZ [%s] %d: ", date, (int)(now.tv_nsec / 1000000),
	    log_level_names[level], (int)getpid());
	return (size_t)n;
}

/*
 * One write of the line; returns how many bytes went out.  A reader that does not read gets a
 * moment, but only once: while lines are being lost there is no waiting at all.
 */
static size_t
write_line(int fd, const struct iovec *iov, int count)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	ssize_t n;

	for (int tries = 0; tries < 3; tries++) {
		if (poll(&ready, 1, lost_lines == 0 ? PATIENCE_MS : 0) == 0)
			break;
		n = writev(fd, iov, count);
		if (n >= 0)
			return (size_t)n;
		if (errno != EINTR && errno != EAGAIN)
			break;
	}
	return 0;
}

static bool
send_to_file(enum log_level level, struct text *text)
{
	static char newline[] = "\n";
	char head[HEAD_SIZE];
	size_t n = out_stamp ? stamp_head(head, level) : 0;
	size_t bytes = torn_line + n + text->n;
	struct iovec iov[] = { { newline, torn_line }, { head, n }, { text->p, text->n } };
	size_t written = write_line(out_fd, iov, ARRAY_LEN(iov));

	if (written > 0)
		torn_line = written < bytes;
	return written == bytes;
}

static bool
send_to_daemon(enum log_level level, struct text *text)
{
	char head[SYSLOG_HEAD];
	size_t n = syslog_head(head, SYSLOG_ERROR + (int)level, daemon_ident);
	struct iovec iov[] = { { head, n }, { text->p, text->n - 1 } };

	return syslog_send(&daemon_log, iov, ARRAY_LEN(iov));
}

static bool
send_line(enum log_level level, struct text *text)
{
	return out_fd >= 0 ? send_to_file(level, text) : send_to_daemon(level, text);
}

static void
tell_lost_lines(void)
{
	struct text text;
	unsigned n = lost_lines;

	lost_lines = 0;
	text.n = (size_t)snprintf(text.p, sizeof(text.p), "log: %u lines were lost\n", n);
	send_line(LOG_LEVEL_WARN, &text);
}

static void __attribute__((format(printf, 2, 0)))
log_va(enum log_level level, const char *fmt, va_list ap)
{
	int error = errno, n;
	char raw[TEXT_SIZE];
	struct text text;
	bool cut;

	if (level > max_level)
		return;
	n = vsnprintf(raw, sizeof(raw), fmt, ap);
	cut = n >= (int)sizeof(raw);
	escape(&text, str_make(raw, cut ? sizeof(raw) - 1 : n > 0 ? (size_t)n : 0), cut);
	if (tee != NULL && level <= LOG_LEVEL_WARN)
		tee(tee_arg, level, text.p, text.n - 1);
	if (!send_line(level, &text))
		lost_lines++;
	else if (lost_lines > 0)
		tell_lost_lines();
	if (stderr_too && out_fd != STDERR_FILENO && level <= LOG_LEVEL_NOTICE)
		write_line(STDERR_FILENO, &(struct iovec){ text.p, text.n }, 1);
	errno = error;
}

#define DEFINE_LOG(name, level)				\
	void						\
	name(const char *fmt, ...)			\
	{						\
		va_list ap;				\
							\
		va_start(ap, fmt);			\
		log_va((level), fmt, ap);		\
		va_end(ap);				\
	}

DEFINE_LOG(log_error, LOG_LEVEL_ERROR)
DEFINE_LOG(log_warn, LOG_LEVEL_WARN)
DEFINE_LOG(log_notice, LOG_LEVEL_NOTICE)
DEFINE_LOG(log_info, LOG_LEVEL_INFO)
DEFINE_LOG(log_debug_line, LOG_LEVEL_DEBUG)

bool
log_once_in(int64_t *last_ms, int64_t pause_ms)
{
	msec now = clock_ms();

	if (*last_ms != 0 && now - *last_ms < pause_ms)
		return false;
	*last_ms = now;
	return true;
}

bool
log_once_a_second(int64_t *last_ms)
{
	return log_once_in(last_ms, 1000);
}
