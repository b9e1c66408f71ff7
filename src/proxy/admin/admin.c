/*
 * admin.c - the status pages: /, /status.json, /metrics, /healthz, /readyz.
 */
#include "proxy/admin/admin.h"

#include "base/check.h"
#include "base/mem.h"
#include "proxy/admin/metrics_text.h"
#include "proxy/admin/own_name.h"
#include "proxy/admin/status_html.h"
#include "proxy/admin/status_json.h"
#include "proxy/admin/status_page.h"
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

/* ---- pages that can be long: a piece in each turn of the loop, so that the others get theirs */

struct sending {
	struct exchange *x;
	struct status_page *page;	/* NULL: over */
	struct watcher again;		/* without a descriptor: only to yield */
};

static void
stop_sending(struct sending *s)
{
	loop_unwatch(s->x->runtime->loop, &s->again);
	status_page_free(s->page);
	s->page = NULL;
}

static void
end_sending(struct sending *s)
{
	stop_sending(s);
	exchange_end(s->x, NULL);
}

/* `more` will follow: in the next turn, or when the client has taken this. */
static void
send_piece(struct sending *s, struct buf *moved, bool more)
{
	enum flow flow = FLOW_OK;

	if (moved->n > 0) {
		struct chain c;

		chain_init(&c);
		chain_add_ext(&c, moved->p, moved->n, mem_free, moved->p);
		flow = exchange_body(s->x, &c);
	}
	if (s->page == NULL)
		return;			/* a filter failed it */
	if (!more)
		end_sending(s);
	else if (flow == FLOW_OK)
		loop_yield(s->x->runtime->loop, &s->again);
}

static void
on_again(struct watcher *w)
{
	struct sending *s = CONTAINER_OF(w, struct sending, again);
	struct buf piece;
	bool more;

	buf_init(&piece);
	more = status_page_piece(s->page, &piece);
	send_piece(s, &piece, more);
}

/* The length is not known yet. */
static void
send_long(struct exchange *x, struct status_page *page, struct buf *first)
{
	struct sending *s = ARENA_NEW(&x->stream->arena, struct sending);
	struct response *r = new_answer(x, 200);

	*s = (struct sending){ .x = x, .page = page };
	watcher_init(&s->again, on_again);
	x->source_state = s;
	fields_add_id(&r->fields, FIELD_CONTENT_TYPE, page->format->type);
	r->framing = FRAMING_CHUNKED;
	exchange_head(x, r);
	if (x->request->method_id != METHOD_HEAD) {
		send_piece(s, first, true);
		return;
	}
	buf_fini(first);
	end_sending(s);
}

static void
show(struct exchange *x, const struct status_format *format)
{
	struct status_page *page = status_page_new(x->runtime, format);
	struct buf first;

	buf_init(&first);
	if (status_page_piece(page, &first)) {
		send_long(x, page, &first);
		return;
	}
	status_page_free(page);
	answer_send_buf(x, new_answer(x, 200), format->type, &first);
}

static void
resume(struct exchange *x)
{
	struct sending *s = x->source_state;

	if (s != NULL && s->page != NULL)
		loop_yield(x->runtime->loop, &s->again);
}

static void
cancel(struct exchange *x)
{
	struct sending *s = x->source_state;

	if (s != NULL && s->page != NULL)
		stop_sending(s);
}

/* ---- the pages */

static void
show_html(struct exchange *x)
{
	show(x, &status_html);
}

static void
show_json(struct exchange *x)
{
	show(x, &status_json);
}

static void
show_metrics(struct exchange *x)
{
	show(x, &metrics_text);
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

static enum source_start
start(struct exchange *x)
{
	enum method method = x->request->method_id;
	const struct page *page = find_page(x->request->path);

	if (!is_allowed(x)) {
		exchange_fail(x, 403, "denied", "not in [admin] allow");
	} else if (!own_name_is(x->stream, &x->runtime->conf->admin.names)) {
		x->why = "no-host";
		say(x, 421, STR_OF("this name is not in [admin] names\n"));
	} else if (page == NULL) {
		exchange_fail(x, 404, "no-page", "no such status page");
	} else if (method != METHOD_GET && method != METHOD_HEAD) {
		fields_add(&x->error_fields, STR_OF("Allow"), STR_OF("GET, HEAD"));
		exchange_fail(x, 405, "method", "status pages are only read");
	} else {
		page->show(x);
	}
	return SOURCE_TAKEN;
}

const struct source source_admin = {
	.name = "admin",
	.start = start,
	.resume = resume,
	.cancel = cancel,
};
