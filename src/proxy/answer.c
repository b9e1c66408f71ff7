/*
 * answer.c - responses that usherd makes itself: fixed text, redirects, error pages.
 */
#include "proxy/answer.h"

#include "base/check.h"
#include "base/mem.h"
#include "proxy/route.h"
#include "proxy/template.h"

struct response *
answer_new(struct exchange *x, int status)
{
	struct response *r = ARENA_NEW(&x->stream->arena, struct response);

	r->status = status;
	r->reason = status_reason(status);
	r->minor = 1;
	fields_init(&r->fields, &x->stream->arena);
	return r;
}

/* Sends the head for `n` bytes of body; true if the body is to follow. */
static bool
send_head(struct exchange *x, struct response *r, struct str type, size_t n)
{
	bool has_body = !response_has_no_body(r->status, METHOD_GET);

	if (type.p != NULL && has_body)
		fields_add_id(&r->fields, FIELD_CONTENT_TYPE, type);
	r->framing = has_body ? FRAMING_LENGTH : FRAMING_NONE;
	r->content_length = n;
	exchange_head(x, r);
	return has_body && n > 0 && x->request->method_id != METHOD_HEAD;
}

void
answer_send(struct exchange *x, struct response *r, struct str type, struct str body)
{
	if (send_head(x, r, type, body.n)) {
		struct chain c;

		chain_init(&c);
		chain_add_ext(&c, body.p, body.n, NULL, NULL);
		(void)exchange_body(x, &c);
	}
	exchange_end(x, NULL);
}

void
answer_send_buf(struct exchange *x, struct response *r, struct str type, struct buf *moved)
{
	struct buf b = *moved;

	buf_init(moved);
	if (send_head(x, r, type, b.n)) {
		struct chain c;

		chain_init(&c);
		chain_add_ext(&c, b.p, b.n, mem_free, b.p);
		(void)exchange_body(x, &c);
	} else {
		buf_fini(&b);
	}
	exchange_end(x, NULL);
}

static void
respond(struct exchange *x)
{
	struct str type = x->conf->respond_type;
	struct str text = template_eval(x->route->respond_text, x, &x->stream->arena);

	if (type.n == 0)
		type = STR_OF("text/plain; charset=utf-8");
	answer_send(x, answer_new(x, x->conf->respond_status), type, text);
}

static void
redirect(struct exchange *x)
{
	struct response *r = answer_new(x, x->conf->redirect_status);

	fields_add_id(&r->fields, FIELD_LOCATION,
	    template_eval(x->route->redirect_url, x, &x->stream->arena));
	answer_send(x, r, (struct str){ NULL, 0 }, STR_OF(""));
}

const struct source source_respond = { .name = "respond", .start = respond };
const struct source source_redirect = { .name = "redirect", .start = redirect };

static const struct conf_error_page *
own_page(const struct conf_policy *c, int status)
{
	for (unsigned i = 0; i < c->nerror_pages; i++)
		if (c->error_pages[i]->status == status)
			return c->error_pages[i];
	return NULL;
}

void
answer_error(struct exchange *x, int status)
{
	const struct conf_error_page *page = own_page(x->conf->policy, status);
	const struct refusal *refusal = &x->stream->refusal;
	struct response *r = answer_new(x, status);
	const char *reason = "";
	struct str text;

	if (x->allow.p != NULL && status == 405)
		fields_add(&r->fields, STR_OF("Allow"), x->allow);
	if (x->retry_after_s > 0 && status == 503)
		fields_add(&r->fields, STR_OF("Retry-After"), arena_printf(&x->stream->arena,
		    "%lld", (long long)x->retry_after_s));
	if (page != NULL) {
		answer_send(x, r, page->content_type, page->content);
		return;
	}
	/* What is wrong with a request is no secret. */
	if (refusal->status == status)
		reason = refusal->text;
	text = arena_printf(&x->stream->arena,
	    "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
	    "<title>%d %.*s</title>\n<h1>%d %.*s</h1>\n%s%s%s<p>Request %.*s</p>\n</html>\n",
	    status, STR_ARG(r->reason), status, STR_ARG(r->reason), *reason != '\0' ? "<p>" : "",
	    reason, *reason != '\0' ? "</p>\n" : "", REQUEST_ID_LEN, x->request_id);
	answer_send(x, r, STR_OF("text/html; charset=utf-8"), text);
}
