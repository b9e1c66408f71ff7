/*
 * error_page.c - what clients see of errors: pages of the configuration, or a built-in one.
 */
#include "proxy/error_page.h"

#include "base/check.h"
#include "base/mem.h"
#include "http/accept.h"
#include "proxy/answer.h"
#include "proxy/text/escape.h"

#define RETRY_AFTER	"300"		/* seconds; maintenance takes a while */

/* What there is to say; texts may be empty. */
struct message {
	int status;
	struct str reason;
	struct str detail;
	struct str request_id;
};

static const char html_head[] =
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<style>\n"
    ":root{color-scheme:light dark}\n"
    "body{font:16px/1.5 system-ui,sans-serif;margin:18vh auto 0;max-width:34em;padding:0 1.5em}\n"
    "h1{font-size:1.5em;font-weight:600;margin:0}\n"
    "b{opacity:.5;margin-right:.4em}\n"
    "p{margin:.6em 0}\n"
    "small{font-family:ui-monospace,monospace;opacity:.6;overflow-wrap:anywhere}\n"
    "</style>\n";

static void
write_html(const struct message *m, struct buf *out)
{
	buf_printf(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n%s<title>%d %.*s</title>\n"
	    "</head>\n<body>\n<h1><b>%d</b>%.*s</h1>\n", html_head, m->status, STR_ARG(m->reason),
	    m->status, STR_ARG(m->reason));
	if (m->detail.n > 0) {
		buf_cstr(out, "<p>");
		escape_html(out, m->detail);
		buf_cstr(out, "</p>\n");
	}
	buf_cstr(out, "<p><small>Request ");
	escape_html(out, m->request_id);
	buf_cstr(out, "</small></p>\n</body>\n</html>\n");
}

static void
write_json(const struct message *m, struct buf *out)
{
	buf_printf(out, "{\"type\":\"about:blank\",\"status\":%d,\"title\":", m->status);
	buf_json(out, m->reason);
	if (m->detail.n > 0) {
		buf_cstr(out, ",\"detail\":");
		buf_json(out, m->detail);
	}
	buf_cstr(out, ",\"request_id\":");
	buf_json(out, m->request_id);
	buf_cstr(out, "}\n");
}

static void
write_plain(const struct message *m, struct buf *out)
{
	buf_printf(out, "%d %.*s\n", m->status, STR_ARG(m->reason));
	if (m->detail.n > 0)
		buf_printf(out, "%.*s\n", STR_ARG(m->detail));
	buf_printf(out, "Request %.*s\n", STR_ARG(m->request_id));
}

/* In our order of preference. */
enum { FORMATS = 4 };

static const struct str accepted[FORMATS] = {
	STR("text/html"), STR("application/json"), STR("application/problem+json"),
	STR("text/plain"),
};

static const struct {
	struct str type;
	void (*write)(const struct message *m, struct buf *out);
} formats[FORMATS] = {
	{ STR("text/html; charset=utf-8"), write_html },
	{ STR("application/json"), write_json },
	{ STR("application/problem+json"), write_json },
	{ STR("text/plain; charset=utf-8"), write_plain },
};

static void
send_built_in(struct exchange *x, struct response *r, struct str detail)
{
	const struct message m = {
		.status = r->status,
		.reason = r->reason,
		.detail = detail,
		.request_id = x->request_id,
	};
	unsigned format = accept_choose(&x->request->fields, accepted, FORMATS);
	struct buf text;

	buf_init(&text);
	formats[format].write(&m, &text);
	fields_vary(&r->fields, field_names[FIELD_ACCEPT]);
	answer_send_buf(x, r, formats[format].type, &text);
}

static const struct conf_error_page *
own_page(const struct conf_policy *c, int status)
{
	for (unsigned i = 0; i < c->nerror_pages; i++)
		if (c->error_pages[i]->status == status)
			return c->error_pages[i];
	return NULL;
}

/* What is wrong with a request is no secret. */
static struct str
refusal_text(const struct exchange *x, int status)
{
	const struct refusal *refusal = &x->stream->refusal;

	return refusal->status == status ? str_of(refusal->text) : STR_OF("");
}

void
error_page_retry_after(struct exchange *x, int64_t seconds)
{
	fields_add(&x->error_fields, STR_OF("Retry-After"),
	    arena_printf(&x->stream->arena, "%lld", (long long)seconds));
}

void
error_page_send(struct exchange *x, int status)
{
	const struct conf_error_page *page = own_page(x->policy, status);
	struct response *r = answer_new(x, status);

	FIELDS_EACH(f, &x->error_fields)
		*fields_add_id(&r->fields, f->id, f->value) = *f;
	if (page != NULL)
		answer_send(x, r, page->content_type, page->content);
	else
		send_built_in(x, r, refusal_text(x, status));
}

void
error_page_maintenance(struct exchange *x)
{
	const struct conf_policy *c = x->policy;
	const struct conf_error_page *page = c->maintenance == MAINTENANCE_FILE ?
	    &c->maintenance_page : own_page(c, 503);
	struct response *r = answer_new(x, 503);

	x->why = "maintenance";
	fields_add(&r->fields, STR_OF("Retry-After"), STR_OF(RETRY_AFTER));
	fields_add_id(&r->fields, FIELD_CACHE_CONTROL, STR_OF("no-store"));
	if (page != NULL)
		answer_send(x, r, page->content_type, page->content);
	else
		send_built_in(x, r, STR_OF("We are down for maintenance and will be back soon."));
}
