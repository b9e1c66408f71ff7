/*
 * failure_log.h - failed requests in the error log, but no more of them than somebody can read.
 */
#ifndef USHERD_PROXY_LOG_FAILURE_LOG_H
#define USHERD_PROXY_LOG_FAILURE_LOG_H

#include <stdarg.h>
#include <stdint.h>

struct exchange;

enum {
	FAILURE_LINES = 10,		/* a second, of each kind */
	FAILURE_KINDS = 64,		/* that are told apart: two may share one */
};

/* Of one worker.  All zero to begin with. */
struct failure_log {
	struct {
		int64_t second;
		unsigned lines;		/* in this second */
		unsigned left_out;	/* since the last line */
	} kinds[FAILURE_KINDS];
};

/*
 * Logs that a request failed, for x->why.  What servers or we do wrong is of level warn, of which
 * each backend and reason gets so many lines a second: what exceeds them is of level info, and the
 * next line tells how many were left out.  What clients do wrong is of level info.
 */
void failure_log_add(struct failure_log *log, const struct exchange *x, int status,
    const char *fmt, va_list ap) __attribute__((format(printf, 4, 0)));

#endif
