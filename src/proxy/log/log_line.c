/*
 * log_line.c - access log lines in the combined format of Apache and nginx.
 */
#include "proxy/log/log_line.h"

#include "base/clock.h"
#include "proxy/exchange.h"
#include "proxy/text/escape.h"
#include "proxy/text/redact.h"

struct line {
	const struct exchange *x;
	const struct conf_strs *redact;
	size_t max;			/* bytes of each value */
	struct buf *out;
};

#define ADD(out, lit)	buf_add((out), (lit), sizeof(lit) - 1)

static void
add_value(const struct line *l, struct str value, enum redact what)
{
	bool cut;

	if (l->redact->n > 0)
		value = redact_value(l->redact, what, value, &l->x->stream->arena);
	escape_log(l->out, escape_cut(value, l->max, &cut));
	if (cut)
		ADD(l->out, "...");
}

static void
add_field(const struct line *l, enum field_id id)
{
	const struct field *f = fields_find(&l->x->request->fields, id);
	enum redact what = REDACT_NOT;

	if (l->redact->n > 0)
		what = redact_field(l->redact, field_names[id]);
	add_value(l, f != NULL ? f->value : str_of(NULL), what);
}

static void
add_request(const struct line *l)
{
	const struct request *r = l->x->request;

	if (r->method.p == NULL || r->raw_target.p == NULL) {
		buf_char(l->out, '-');
		return;
	}
	add_value(l, r->method, REDACT_NOT);
	buf_char(l->out, ' ');
	add_value(l, r->raw_target, REDACT_URI);
	ADD(l->out, " HTTP/1.");
	buf_uint(l->out, (uint64_t)r->minor);
}

void
log_line_combined(const struct exchange *x, const struct conf_strs *redact, size_t max,
    struct buf *out)
{
	const struct line l = { x, redact, max, out };

	out->n += ip_text(&x->client, buf_room(out, ADDR_TEXT));
	ADD(out, " - - [");
	buf_str(out, clock_clf());
	ADD(out, "] \"");
	add_request(&l);
	ADD(out, "\" ");
	buf_uint(out, (uint64_t)x->status);
	buf_char(out, ' ');
	buf_uint(out, x->stream->body_out);
	ADD(out, " \"");
	add_field(&l, FIELD_REFERER);
	ADD(out, "\" \"");
	add_field(&l, FIELD_USER_AGENT);
	buf_char(out, '"');
}
