/*
 * failure_log.c - failed requests in the error log, but no more of them than somebody can read.
 */
#include "proxy/log/failure_log.h"

#include <stdio.h>

#include "base/log.h"
#include "proxy/exchange.h"

/* A kind is a backend and a reason. */
static unsigned
kind_of(const struct exchange *x)
{
	uint64_t backend = x->backend != NULL ? x->backend->index + 1 : 0;

	return str_hash(str_of(x->why), backend) % FAILURE_KINDS;
}

/* Whether a line of this kind may be a warning; if so, how many could not be since the last one. */
static bool
may_warn(struct failure_log *log, unsigned kind, unsigned *left_out)
{
	int64_t second = clock_ms() / 1000;

	if (log->kinds[kind].second != second) {
		log->kinds[kind].second = second;
		log->kinds[kind].lines = 0;
	}
	if (log->kinds[kind].lines >= FAILURE_LINES) {
		log->kinds[kind].left_out++;
		return false;
	}
	log->kinds[kind].lines++;
	*left_out = log->kinds[kind].left_out;
	log->kinds[kind].left_out = 0;
	return true;
}

void
failure_log_add(struct failure_log *log, const struct exchange *x, int status, const char *fmt,
    va_list ap)
{
	bool is_ours = status >= 500 && x->stream->refusal.status == 0;
	char client[ADDR_TEXT], text[256], more[64] = "";
	unsigned left_out = 0;
	void (*line)(const char *, ...) = log_info;

	if (is_ours && may_warn(log, kind_of(x), &left_out))
		line = log_warn;
	else if (log_get_level() < LOG_LEVEL_INFO)
		return;
	ip_text(&x->client, client);
	vsnprintf(text, sizeof(text), fmt, ap);
	if (left_out > 0 && log_get_level() < LOG_LEVEL_INFO)
		snprintf(more, sizeof(more), " (%u more were left out)", left_out);
	line("client %s: %.*s %.*s%.*s: %d %s: %s%s", client, STR_ARG(x->request->method),
	    STR_ARG(x->request->host), STR_ARG(x->request->raw_target), status, x->why, text,
	    more);
}
