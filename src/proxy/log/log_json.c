/*
 * log_json.c - access log lines as JSON objects.
 */
#include "proxy/log/log_json.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "proxy/exchange.h"
#include "proxy/text/template.h"
#include "proxy/text/variables.h"

enum {
	ISO_SECONDS = 19,		/* of 2026-01-31T12:00:00+01:00: milliseconds go there */
	MS_TEXT = 4,			/* .123 */
	ATTEMPT_BYTES = 16,		/* of `max`, for each attempt that is shown */
};

struct member {
	struct str key;			/* with what precedes the value: ,"name": */
	struct template *text;		/* its value: a number, or a string; or else ... */
	void (*write)(const struct exchange *x, size_t max, struct buf *out);
	bool number;
};

struct log_json {
	struct member *members;
	unsigned n;
};

#define ADD(out, lit)	buf_add((out), (lit), sizeof(lit) - 1)

/* ---- values that no variable has */

static void
write_time(const struct exchange *x, size_t max, struct buf *out)
{
	struct str iso = clock_iso8601();
	char seconds[FMT_SECONDS];
	size_t n = fmt_seconds(seconds, clock_wall_ms() * 1000);

	(void)x, (void)max;
	buf_char(out, '"');
	buf_add(out, iso.p, ISO_SECONDS);
	buf_add(out, seconds + n - MS_TEXT, MS_TEXT);
	buf_str(out, str_skip(iso, ISO_SECONDS));
	buf_char(out, '"');
}

static void
add_status(const struct attempt *a, struct buf *out)
{
	if (a == NULL || a->status == 0)
		ADD(out, "null");
	else
		buf_uint(out, (uint64_t)a->status);
}

static void
add_seconds(int64_t us, struct buf *out)
{
	if (us < 0)
		ADD(out, "null");
	else
		out->n += fmt_seconds(buf_room(out, FMT_SECONDS), us);
}

static void
add_attempt(const struct attempt *a, struct buf *out)
{
	ADD(out, "{\"addr\":");
	buf_json(out, a->addr);
	ADD(out, ",\"status\":");
	add_status(a, out);
	ADD(out, ",\"connect_time\":");
	add_seconds(attempt_connect_us(a), out);
	ADD(out, ",\"time\":");
	add_seconds(attempt_us(a), out);
	buf_char(out, '}');
}

static void
write_upstream(const struct exchange *x, size_t max, struct buf *out)
{
	const struct attempt *a = x->attempts.first;
	size_t shown = max / ATTEMPT_BYTES;

	for (size_t n = x->attempts.n; n > shown && a != NULL; n--)
		a = a->next;
	buf_char(out, '[');
	for (const struct attempt *first = a; a != NULL; a = a->next) {
		if (a != first)
			buf_char(out, ',');
		add_attempt(a, out);
	}
	buf_char(out, ']');
}

static const struct attempt *
last_attempt(const struct exchange *x)
{
	const struct attempt *a = x->attempts.first;

	while (a != NULL && a->next != NULL)
		a = a->next;
	return a;
}

static void
write_last_addr(const struct exchange *x, size_t max, struct buf *out)
{
	const struct attempt *a = last_attempt(x);

	(void)max;
	buf_json(out, a != NULL ? a->addr : STR_OF(""));
}

static void
write_last_status(const struct exchange *x, size_t max, struct buf *out)
{
	(void)max;
	add_status(last_attempt(x), out);
}

static void
write_last_time(const struct exchange *x, size_t max, struct buf *out)
{
	const struct attempt *a = last_attempt(x);

	(void)max;
	add_seconds(a != NULL ? attempt_us(a) : -1, out);
}

/* ---- members */

static const struct {
	struct str name;
	struct str text;
	void (*write)(const struct exchange *x, size_t max, struct buf *out);
} own[] = {
	{ STR("time"), { NULL, 0 }, write_time },
	{ STR("remote_addr"), STR("$remote_addr"), NULL },
	{ STR("listen"), STR("$listen"), NULL },
	{ STR("scheme"), STR("$scheme"), NULL },
	{ STR("protocol"), STR("$server_protocol"), NULL },
	{ STR("tls"), STR("$ssl_protocol"), NULL },
	{ STR("tls_cipher"), STR("$ssl_cipher"), NULL },
	{ STR("method"), STR("$request_method"), NULL },
	{ STR("host"), STR("$host"), NULL },
	{ STR("uri"), STR("$request_uri"), NULL },
	{ STR("status"), STR("$status"), NULL },
	{ STR("bytes"), STR("$body_bytes_sent"), NULL },
	{ STR("bytes_received"), STR("$bytes_received"), NULL },
	{ STR("request_time"), STR("$request_time"), NULL },
	{ STR("referer"), STR("$http_referer"), NULL },
	{ STR("user_agent"), STR("$http_user_agent"), NULL },
	{ STR("route"), STR("$route"), NULL },
	{ STR("backend"), STR("$backend"), NULL },
	{ STR("upstream"), { NULL, 0 }, write_upstream },
	{ STR("upstream_addr"), { NULL, 0 }, write_last_addr },
	{ STR("upstream_status"), { NULL, 0 }, write_last_status },
	{ STR("upstream_time"), { NULL, 0 }, write_last_time },
	{ STR("request_id"), STR("$request_id"), NULL },
	{ STR("why"), STR("$why"), NULL },
	{ STR("tries"), STR("$tries"), NULL },
};

static struct str
key_of(struct str name, bool first)
{
	struct buf key;

	buf_init(&key);
	buf_printf(&key, "%c\"%.*s\":", first ? '{' : ',', STR_ARG(name));
	return buf_view(&key);		/* free_member() frees it */
}

static void
free_member(struct member *m)
{
	mem_free((char *)(uintptr_t)m->key.p);
	template_free(m->text);
}

static void
set_text(struct member *m, const struct template_scope *scope, struct str text,
    struct conf_errors *errors, struct conf_origin at, const char *what)
{
	m->text = template_new_in(scope, text, errors, at, what);
	m->number = m->text != NULL && template_is_number(m->text);
}

/* Readers of JSON take either of two members with the same name, or none. */
static bool
is_taken(const struct conf_log *conf, unsigned i)
{
	struct str name = conf->members[i].name;

	for (size_t k = 0; k < ARRAY_LEN(own); k++)
		if (str_eq(own[k].name, name))
			return true;
	for (unsigned k = 0; k < i; k++)
		if (str_eq(conf->members[k].name, name))
			return true;
	return false;
}

static void
add_members(struct log_json *j, const struct conf_log *conf, const struct template_scope *scope,
    struct conf_errors *errors)
{
	char what[160];

	for (unsigned i = 0; i < conf->nmembers; i++) {
		const struct conf_member *m = &conf->members[i];
		struct member *to = &j->members[j->n++];

		snprintf(what, sizeof(what), "[log %.*s] member: %.*s", STR_ARG(conf->name),
		    STR_ARG(m->name));
		if (is_taken(conf, i))
			conf_error(errors, m->at, "%s: there is a member of this name already",
			    what);
		to->key = key_of(m->name, false);
		set_text(to, scope, m->value, errors, m->at, what);
	}
}

struct log_json *
log_json_new(const struct conf_log *conf, const struct capture_names *names,
    struct conf_errors *errors)
{
	const struct template_scope scope = { .names = names, .redact = &conf->redact };
	struct log_json *j = MEM_NEW(struct log_json);

	j->members = mem_zalloc(ARRAY_LEN(own) + conf->nmembers, sizeof(j->members[0]));
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		struct member *to = &j->members[j->n++];

		to->key = key_of(own[i].name, i == 0);
		to->write = own[i].write;
		if (own[i].write == NULL)
			set_text(to, &scope, own[i].text, errors, conf->at, "format");
	}
	add_members(j, conf, &scope, errors);
	return j;
}

void
log_json_free(struct log_json *j)
{
	if (j == NULL)
		return;
	for (unsigned i = 0; i < j->n; i++)
		free_member(&j->members[i]);
	mem_free(j->members);
	mem_free(j);
}

void
log_json_write(const struct log_json *j, const struct exchange *x, size_t max, struct buf *out)
{
	for (unsigned i = 0; i < j->n; i++) {
		const struct member *m = &j->members[i];

		buf_str(out, m->key);
		if (m->write != NULL) {
			m->write(x, max, out);
		} else if (m->number) {
			template_write(m->text, x, ESCAPE_NONE, SIZE_MAX, out);
		} else {
			buf_char(out, '"');
			template_write(m->text, x, ESCAPE_JSON, max, out);
			buf_char(out, '"');
		}
	}
	buf_char(out, '}');
}
