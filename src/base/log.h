/*
 * log.h - the error log.
 *
 *	2026-01-31T12:00:00.123Z [warn] 4711: server 10.0.0.1:80: connect: Connection refused
 *
 * Lines are lower case without a full stop: context first, errno last.  A line is one write(), so
 * lines of several processes never mix; control bytes are escaped as \xNN, so no peer can forge a
 * line, and what exceeds 2 KiB is cut off with `...`.  errno is kept.  A log that cannot be written
 * at once stops nobody: lines get lost, and the next one that is not tells how many they were.
 */
#ifndef USHERD_BASE_LOG_H
#define USHERD_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Names of the levels, in their order: error warn notice info debug. */
extern const char *const log_level_names[5];

/*
 * Where lines go.  Until the first call: stderr, level notice, without stamps.  A line without a
 * stamp is the bare text: no level and no pid either.
 */
void log_to_fd(int fd, bool stamp);	/* stays the caller's, and open while it is the log */
void log_to_syslog(const char *ident);	/* /dev/log, RFC 3164; survives its restart */
int log_syslog_fd(void);		/* its socket, which a fork must keep open; -1: none */
void log_also_stderr(bool on);		/* foreground: level notice and above to stderr too */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Lines of warn and error go to `also` too, without stamp and line end; NULL: no more.  It must not
 * log.
 */
void log_tee(void (*also)(void *arg, enum log_level level, const char *line, size_t n),
    void *arg);

/* True if debug lines are wanted: guards the cost of making them. */
extern bool log_debug_on;
void log_debug_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#define log_debug(...) \
	do { if (unlikely(log_debug_on)) log_debug_line(__VA_ARGS__); } while (0)

/*
 * The same line again and again (a full disk, no descriptors) is written once a second, or once in
 * `pause_ms`, at most: true if now is a time to write it.  `*last_ms` is the caller's, 0 at first.
 */
bool log_once_a_second(int64_t *last_ms);
bool log_once_in(int64_t *last_ms, int64_t pause_ms);

#endif
