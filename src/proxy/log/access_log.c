/*
 * access_log.c - one line per exchange, collected and written whole.
 *
 *	exchange ─► format ─► buffer ─► log_file (when full, or after `flush`)
 *	                   └► log_syslog (each line at once)
 */
#include "proxy/log/access_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/log/log_file.h"
#include "proxy/log/log_json.h"
#include "proxy/log/log_line.h"
#include "proxy/log/log_syslog.h"
#include "proxy/text/template.h"

enum {
	KEEP_MIN = 65536,		/* what is kept at least while the target takes nothing */
	RETRY_MS = 100,			/* then, until the next attempt */
	TELL_MS = 60000,		/* the error log hears no more often that it goes on */
	SHORT_VALUE = 256,		/* bytes of each value in a line that would be too long, */
	SHORTEST_VALUE = 16,		/* and in one that still is */
};

struct access_log {
	const struct conf_log *conf;
	struct log_json *json;		/* NULL: another format */
	struct template *template;	/* likewise; neither: combined */
	struct template *when;		/* NULL: always */
	enum template_escape escape;
	size_t line_max;		/* longest line, its newline included */
	struct loop *loop;
	struct timer timer;		/* for `flush`, and for the next attempt */
	struct buf buf;
	struct log_file file;
	struct log_syslog syslog;
	msec blocked_until_ms;		/* 0: the last write went well */
	int error;			/* of the last write */
	bool told;			/* the error log knows of the trouble */
	msec failure_told_ms;
	msec drops_told_ms;
	uint64_t dropped;		/* lines, since the error log was told that it goes on */
};

static bool
is_syslog(const struct access_log *log)
{
	return log->conf->target == LOG_TARGET_SYSLOG;
}

static struct template *
compile(const struct access_log *log, const struct capture_names *names, const char *key,
    struct str text, const struct conf_strs *redact, struct conf_errors *errors)
{
	const struct template_scope scope = { .names = names, .redact = redact };
	char what[64];

	snprintf(what, sizeof(what), "[log %.*s] %s", STR_ARG(log->conf->name), key);
	return template_new_in(&scope, text, errors, log->conf->at, what);
}

/* A template that is a JSON object gets values that fit there. */
static void
compile_format(struct access_log *log, const struct capture_names *names,
    struct conf_errors *errors)
{
	const struct conf_log *conf = log->conf;

	if (conf->format == LOG_FORMAT_JSON) {
		log->json = log_json_new(conf, names, errors);
		return;
	}
	if (conf->nmembers > 0)
		conf_error(errors, conf->members[0].at, "[log %.*s] member: there are members only"
		    " with format = json", STR_ARG(conf->name));
	if (conf->format == LOG_FORMAT_COMBINED)
		return;
	log->template = compile(log, names, "format", conf->template_text, &conf->redact, errors);
	log->escape = str_starts(conf->template_text, STR_OF("{")) ? ESCAPE_JSON : ESCAPE_LOG;
}

struct access_log *
access_log_new(const struct conf_log *conf, const struct capture_names *names,
    struct conf_errors *errors)
{
	struct access_log *log = MEM_NEW(struct access_log);
	size_t before = conf_errors_count(errors);

	log->conf = conf;
	log->file.fd = log->syslog.socket.fd = -1;
	log->line_max = SIZE_MAX;
	compile_format(log, names, errors);
	if (conf->when.n > 0)
		log->when = compile(log, names, "when", conf->when, NULL, errors);
	if (conf_errors_count(errors) == before)
		return log;
	access_log_free(log);
	return NULL;
}

/* ---- writing */

static const char *
reason(const struct access_log *log)
{
	return log->error == EAGAIN ? "the reader is too slow" : strerror(log->error);
}

/* Nothing is lost yet. */
static void
tell_failure(struct access_log *log)
{
	if (log->told || !log_once_in(&log->failure_told_ms, TELL_MS))
		return;
	log->told = true;
	log_error("access log %.*s: write: %s; lines wait in memory", STR_ARG(log->conf->name),
	    reason(log));
}

static void
drop(struct access_log *log)
{
	log->dropped++;
	if (!log_once_in(&log->drops_told_ms, TELL_MS))
		return;
	log->told = true;
	log_error("access log %.*s: %" PRIu64 " line%s dropped: write: %s",
	    STR_ARG(log->conf->name), log->dropped, log->dropped > 1 ? "s" : "", reason(log));
}

static void
recover(struct access_log *log)
{
	log->blocked_until_ms = 0;
	if (!log->told)
		return;
	if (log->dropped > 0)
		log_notice("access log %.*s: goes on, %" PRIu64 " line%s dropped",
		    STR_ARG(log->conf->name), log->dropped,
		    log->dropped == 1 ? " was" : "s were");
	else
		log_notice("access log %.*s: goes on, no line was lost",
		    STR_ARG(log->conf->name));
	log->told = false;
	log->dropped = 0;
}

static void
arm(struct access_log *log, msec delay_ms)
{
	if (log->loop != NULL && delay_ms != CONF_OFF)
		loop_timer_set(log->loop, &log->timer, clock_ms() + delay_ms);
}

void
access_log_flush(struct access_log *log)
{
	size_t done;

	if (log->buf.n == 0)
		return;
	done = log_file_write(&log->file, log->buf.p, log->buf.n);
	log->buf.n -= done;
	if (log->buf.n == 0) {
		if (log->blocked_until_ms != 0)
			recover(log);
		return;
	}
	log->error = errno;
	if (log->error != EAGAIN)
		tell_failure(log);
	memmove(log->buf.p, log->buf.p + done, log->buf.n);
	log->blocked_until_ms = clock_ms() + RETRY_MS;
	arm(log, RETRY_MS);
}

static void
flush_due(struct timer *t)
{
	access_log_flush(CONTAINER_OF(t, struct access_log, timer));
}

/* ---- lines */

/* Whether the value of `when` is neither empty nor 0; behind the lines that wait is room for it. */
static bool
is_wanted(struct access_log *log, const struct exchange *x)
{
	size_t start = log->buf.n;
	struct str value;

	if (log->when == NULL)
		return true;
	template_write(log->when, x, ESCAPE_NONE, SIZE_MAX, &log->buf);
	value = str_skip(buf_view(&log->buf), start);
	log->buf.n = start;
	return value.n > 0 && !str_eq(value, STR_OF("0"));
}

static void
format(struct access_log *log, const struct exchange *x, size_t max)
{
	if (log->json != NULL)
		log_json_write(log->json, x, max, &log->buf);
	else if (log->template != NULL)
		template_write(log->template, x, log->escape, max, &log->buf);
	else
		log_line_combined(x, &log->conf->redact, max, &log->buf);
	buf_char(&log->buf, '\n');
}

/* A line for a target that takes no long ones: with short values, and cut if it must be. */
static void
shorten(struct access_log *log, const struct exchange *x, size_t start)
{
	for (size_t max = SHORT_VALUE; max >= SHORTEST_VALUE; max /= 4) {
		log->buf.n = start;
		format(log, x, max);
		if (log->buf.n - start <= log->line_max)
			return;
	}
	log->buf.n = start + log->line_max;
	log->buf.p[log->buf.n - 1] = '\n';
}

static void
send_line(struct access_log *log)
{
	struct str line = str_make(log->buf.p, log->buf.n - 1);

	log->buf.n = 0;
	if (log_syslog_send(&log->syslog, line)) {
		recover(log);
		return;
	}
	log->error = errno;
	drop(log);
}

/* What a target that takes nothing has left no room for. */
static bool
must_drop(const struct access_log *log)
{
	size_t keep = KEEP_MIN;

	if (log->conf->buffer != CONF_OFF && (size_t)log->conf->buffer > keep)
		keep = (size_t)log->conf->buffer;
	return log->blocked_until_ms != 0 && log->buf.n > keep;
}

static void
keep_line(struct access_log *log, size_t start)
{
	bool full = log->conf->buffer == CONF_OFF || log->buf.n >= (size_t)log->conf->buffer;

	if (must_drop(log)) {
		log->buf.n = start;
		drop(log);
		return;
	}
	if (full && clock_ms() >= log->blocked_until_ms)
		access_log_flush(log);
	else if (start == 0)
		arm(log, log->conf->flush_ms);
}

void
access_log_add(struct access_log *log, const struct exchange *x)
{
	size_t start = log->buf.n;

	if (!is_wanted(log, x))
		return;
	format(log, x, SIZE_MAX);
	if (log->buf.n - start > log->line_max)
		shorten(log, x, start);
	if (is_syslog(log))
		send_line(log);
	else
		keep_line(log, start);
}

/* ---- life in a worker */

static void
open_target(struct access_log *log, int fd)
{
	if (is_syslog(log)) {
		log_syslog_open(&log->syslog, &log->conf->syslog_addr);
		log->line_max = LOG_SYSLOG_LINE;
		return;
	}
	log_file_open(&log->file, fd);
	log->line_max = log->file.stream ? LOG_PIPE_WRITE : SIZE_MAX;
}

static void
close_target(struct access_log *log)
{
	log_file_close(&log->file);
	log_syslog_close(&log->syslog);
}

void
access_log_start(struct access_log *log, struct loop *loop, int fd)
{
	log->loop = loop;
	timer_init(&log->timer, flush_due);
	open_target(log, fd);
}

void
access_log_reopen(struct access_log *log, int fd)
{
	access_log_flush(log);
	close_target(log);
	open_target(log, fd);
}

void
access_log_free(struct access_log *log)
{
	if (log == NULL)
		return;
	if (log->loop != NULL)
		loop_timer_cancel(log->loop, &log->timer);
	close_target(log);
	log_json_free(log->json);
	template_free(log->template);
	template_free(log->when);
	buf_fini(&log->buf);
	mem_free(log);
}
