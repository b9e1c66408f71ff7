/*
 * answer.c - responses that usherd makes itself: fixed text and redirects.
 */
#include "proxy/answer.h"

#include "base/check.h"
#include "base/mem.h"
#include "proxy/route/route.h"
#include "proxy/text/template.h"

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

/* In a page of the configuration, what comes from outside is text and never mark-up. */
static enum template_escape
escape_for(struct str type)
{
	struct str media;

	str_cut(&type, ';', &media);
	media = str_trim(media);
	if (str_ieq(media, STR_OF("text/html")) || str_ends(media, STR_OF("xml")))
		return ESCAPE_HTML;
	return str_ends(media, STR_OF("json")) ? ESCAPE_JSON : ESCAPE_NONE;
}

static enum source_start
respond(struct exchange *x)
{
	const struct template *t = x->route->text;
	struct response *r = answer_new(x, x->conf->respond_status);
	struct str type = x->conf->respond_type;
	struct buf text;

	if (type.n == 0)
		type = STR_OF("text/plain; charset=utf-8");
	if (template_is_constant(t)) {
		answer_send(x, r, type, template_eval(t, x, &x->stream->arena));
		return SOURCE_TAKEN;
	}
	buf_init(&text);
	template_write(t, x, escape_for(type), SIZE_MAX, &text);
	answer_send_buf(x, r, type, &text);
	return SOURCE_TAKEN;
}

/*
 * The URL of a redirect.  Values that open it with two slashes would name another site, where the
 * configuration meant a path of this one.
 */
static struct str
redirect_url(struct exchange *x)
{
	static const struct str other = STR("//");
	struct buf out = { NULL, 0, 0 };
	struct str url;

	template_write_uri(x->route->text, x, true, &out);
	url = buf_view(&out);
	while (str_starts(url, other) && !str_starts(x->conf->redirect_url, other))
		url = str_skip(url, 1);
	url = arena_str(&x->stream->arena, url);
	buf_fini(&out);
	return url;
}

static enum source_start
redirect(struct exchange *x)
{
	struct response *r = answer_new(x, x->conf->redirect_status);

	fields_add_id(&r->fields, FIELD_LOCATION, redirect_url(x));
	answer_send(x, r, (struct str){ NULL, 0 }, STR_OF(""));
	return SOURCE_TAKEN;
}

const struct source source_respond = { .name = "respond", .start = respond };
const struct source source_redirect = { .name = "redirect", .start = redirect };
