/*
 * failure_log.c - failed requests in the error log, but no more of them than somebody can read.
 */
#include "proxy/log/failure_log.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/log.h"
#include "proxy/exchange.h"
#include "proxy/runtime.h"
#include "proxy/text/escape.h"
#include "proxy/text/redact.h"

/* Bytes of a request that a line shows at most: a client chooses how long these are. */
enum { SHOWN_METHOD = 32, SHOWN_URI = 200 };

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

static void
add_method(struct buf *line, struct str method)
{
	bool cut;

	buf_str(line, escape_cut(method, SHOWN_METHOD, &cut));
	if (cut)
		buf_cstr(line, "...");
}

static struct str
redact(const struct exchange *x, struct str text)
{
	const struct conf_strs *names = &x->runtime->redact;

	if (names->n == 0)
		return text;
	return redact_value(names, REDACT_URI, text, &x->stream->arena);
}

static void
add_uri(struct buf *line, const struct exchange *x)
{
	struct str target = x->request->raw_target, host = STR_OF("");
	bool host_cut, target_cut;

	if (target.p[0] == '/')
		host = x->request->host;
	host = escape_cut(host, SHOWN_URI, &host_cut);
	target = escape_cut(target, SHOWN_URI - host.n, &target_cut);
	buf_str(line, host);
	buf_str(line, redact(x, target));
	if (host_cut || target_cut)
		buf_cstr(line, "...");
}

/*
 * `GET www.example.com/path?query`; "-" for what could not be read.  The host is left out before a
 * target that is not a path, as that may name a host itself.
 */
static void
add_request(struct buf *line, const struct exchange *x)
{
	const struct request *r = x->request;

	if (r->method.n == 0) {
		buf_char(line, '-');
		return;
	}
	add_method(line, r->method);
	buf_char(line, ' ');
	if (r->raw_target.n == 0)
		buf_char(line, '-');
	else
		add_uri(line, x);
}

void
failure_log_add(struct failure_log *log, const struct exchange *x, int status, const char *fmt,
    va_list ap)
{
	bool is_ours = status >= 500 && x->stream->refusal.status == 0;
	char client[ADDR_TEXT], text[256], more[64] = "";
	struct buf request;
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
	buf_init(&request);
	add_request(&request, x);
	line("client %s: %.*s: %d %s: %.*s%s", client, STR_ARG(buf_view(&request)), status, x->why,
	    STR_ARG(redact(x, str_of(text))), more);
	buf_fini(&request);
}
