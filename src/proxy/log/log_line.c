/*
 * log_line.c - the text of access log lines in the formats that have a name.
 */
#include "proxy/log/log_line.h"

#include "base/clock.h"
#include "proxy/exchange.h"
#include "proxy/text/escape.h"

const struct str log_line_json = STR(
    "{\"time\":\"$time_iso8601\",\"remote_addr\":\"$remote_addr\",\"method\":\"$request_method\","
    "\"host\":\"$host\",\"uri\":\"$request_uri\",\"status\":$status,\"bytes\":$body_bytes_sent,"
    "\"request_time\":$request_time,\"referer\":\"$http_referer\","
    "\"user_agent\":\"$http_user_agent\",\"route\":\"$route\",\"backend\":\"$backend\","
    "\"upstream_addr\":\"$upstream_addr\",\"upstream_status\":\"$upstream_status\","
    "\"upstream_time\":\"$upstream_response_time\",\"request_id\":\"$request_id\","
    "\"why\":\"$why\",\"tries\":$tries}");

#define ADD(out, lit)	buf_add((out), (lit), sizeof(lit) - 1)

static void
add_value(struct buf *out, struct str value, size_t max)
{
	bool cut;

	escape_log(out, escape_cut(value, max, &cut));
	if (cut)
		ADD(out, "...");
}

static void
add_field(struct buf *out, const struct fields *fields, enum field_id id, size_t max)
{
	const struct field *f = fields_find(fields, id);

	add_value(out, f != NULL ? f->value : str_of(NULL), max);
}

static void
add_request(struct buf *out, const struct request *r, size_t max)
{
	if (r->method.p == NULL || r->raw_target.p == NULL) {
		buf_char(out, '-');
		return;
	}
	add_value(out, r->method, max);
	buf_char(out, ' ');
	add_value(out, r->raw_target, max);
	ADD(out, " HTTP/1.");
	buf_uint(out, (uint64_t)r->minor);
}

void
log_line_combined(const struct exchange *x, size_t max, struct buf *out)
{
	out->n += ip_text(&x->client, buf_room(out, ADDR_TEXT));
	ADD(out, " - - [");
	buf_str(out, clock_clf());
	ADD(out, "] \"");
	add_request(out, x->request, max);
	ADD(out, "\" ");
	buf_uint(out, (uint64_t)x->status);
	buf_char(out, ' ');
	buf_uint(out, x->stream->body_out);
	ADD(out, " \"");
	add_field(out, &x->request->fields, FIELD_REFERER, max);
	ADD(out, "\" \"");
	add_field(out, &x->request->fields, FIELD_USER_AGENT, max);
	buf_char(out, '"');
}
