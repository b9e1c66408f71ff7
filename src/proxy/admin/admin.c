/*
 * admin.c - the status pages: /, /status.json, /metrics, /healthz, /readyz.
 */
#include "proxy/admin/admin.h"

#include "base/check.h"
#include "proxy/admin/metrics_text.h"
#include "proxy/admin/status.h"
#include "proxy/admin/status_html.h"
#include "proxy/admin/status_json.h"
#include "proxy/answer.h"
#include "proxy/exchange.h"
#include "proxy/runtime.h"

static struct response *
new_answer(struct exchange *x, int status)
{
	struct response *r = answer_new(x, status);

	fields_add(&r->fields, STR_OF("Cache-Control"), STR_OF("no-store"));
	fields_add(&r->fields, STR_OF("X-Content-Type-Options"), STR_OF("nosniff"));
	return r;
}

static void
say(struct exchange *x, int status, struct str text)
{
	answer_send(x, new_answer(x, status), STR_OF("text/plain"), text);
}

static void
show(struct exchange *x, struct str type, void (*write)(const struct status *s, struct buf *out))
{
	struct status status;
	struct buf page;

	buf_init(&page);
	status_init(&status, x->runtime);
	write(&status, &page);
	status_fini(&status);
	answer_send_buf(x, new_answer(x, 200), type, &page);
}

static void
show_html(struct exchange *x)
{
	show(x, STR_OF("text/html; charset=utf-8"), status_html);
}

static void
show_json(struct exchange *x)
{
	show(x, STR_OF("application/json"), status_json);
}

static void
show_metrics(struct exchange *x)
{
	show(x, metrics_text_type, metrics_text);
}

/* A process that can answer at all is healthy; whether it wants more work is /readyz. */
static void
show_health(struct exchange *x)
{
	say(x, 200, STR_OF("ok\n"));
}

static void
show_readiness(struct exchange *x)
{
	if (x->runtime->draining)
		say(x, 503, STR_OF("draining\n"));
	else
		say(x, 200, STR_OF("ready\n"));
}

static const struct page {
	struct str path;
	void (*show)(struct exchange *x);
} pages[] = {
	{ STR("/"), show_html },
	{ STR("/status.json"), show_json },
	{ STR("/metrics"), show_metrics },
	{ STR("/healthz"), show_health },
	{ STR("/readyz"), show_readiness },
};

static const struct page *
find_page(struct str path)
{
	for (size_t i = 0; i < ARRAY_LEN(pages); i++)
		if (str_eq(pages[i].path, path))
			return &pages[i];
	return NULL;
}

static bool
is_allowed(const struct exchange *x)
{
	const struct conf_cidrs *allow = &x->runtime->conf->admin.allow;

	return cidrs_have(allow->v, allow->n, &x->stream->peer->client);
}

static void
start(struct exchange *x)
{
	enum method method = x->request->method_id;
	const struct page *page = find_page(x->request->path);

	if (!is_allowed(x)) {
		exchange_fail(x, 403, "denied", "not in [admin] allow");
	} else if (page == NULL) {
		exchange_fail(x, 404, "no-page", "no such status page");
	} else if (method != METHOD_GET && method != METHOD_HEAD) {
		x->allow = STR_OF("GET, HEAD");
		exchange_fail(x, 405, "method", "status pages are only read");
	} else {
		page->show(x);
	}
}

const struct source source_admin = { .name = "admin", .start = start };
