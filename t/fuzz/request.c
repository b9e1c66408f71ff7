/* Requests: the verdict on a connection's bytes is the same however they are cut into pieces. */

#include "fuzz.h"

/* Whatever was accepted keeps these promises of message.h and target.h. */
static void
check_accepted(const struct request *r)
{
	CHECK(r->method.n > 0 && str_all(r->method, CHAR_TOKEN));
	CHECK(r->method_id != METHOD_CONNECT && r->method_id != METHOD_TRACE);
	CHECK(r->minor == 0 || r->minor == 1);
	CHECK(r->path.n > 0 && (r->path.p[0] == '/' || r->target.form == TARGET_ASTERISK));
	CHECK(r->path.n <= r->raw_target.n || r->target.form == TARGET_ABSOLUTE);
	CHECK(memchr(r->path.p, '\0', r->path.n) == NULL);
	CHECK(r->host.p != NULL ? r->host.n > 0 : r->minor == 0);
	CHECK(fields_count(&r->fields, FIELD_HOST) <= 1);
	CHECK(fields_count(&r->fields, FIELD_CONTENT_LENGTH) == (r->framing == FRAMING_LENGTH));
	CHECK(fields_count(&r->fields, FIELD_TRANSFER_ENCODING) == (r->framing == FRAMING_CHUNKED));
	CHECK(r->framing != FRAMING_LENGTH || r->content_length <= INT64_MAX);
	CHECK(r->upgrade.p == NULL || r->minor == 1);
}

/* One request; false if the connection is at its end. */
static bool
note_request(struct buf *out, struct feed *f)
{
	struct request r = { .minor = 1 };
	struct h1_scan scan;
	struct refusal refusal = { 0, NULL, NULL };
	struct block *block;
	struct arena arena;
	enum h1_scan_result result = feed_head(f, &scan, &block, &refusal);
	bool more = false;

	arena_init(&arena);
	if (result == H1_SCAN_MORE) {
		buf_cstr(out, "cut\n");
	} else if (result == H1_SCAN_BAD ||
	    !h1_parse_request(block->data, &scan, &arena, &r, &refusal) ||
	    !request_check(&r, &arena, &refusal)) {
		note_refusal(out, &refusal);
	} else {
		check_accepted(&r);
		note_str(out, "method", r.method);
		note_str(out, "target", r.raw_target);
		note_str(out, "path", r.path);
		note_str(out, "host", r.host);
		note_str(out, "upgrade", r.upgrade);
		buf_printf(out, "1.%d port %u framing %d %llu keep %d expect %d te %d\n", r.minor,
		    r.port, r.framing, (unsigned long long)r.content_length, r.keep_alive,
		    r.expect_continue, r.te_trailers);
		note_fields(out, &r.fields);
		more = note_body(out, f, r.framing, r.content_length, &arena) && r.keep_alive;
	}
	block_unref(block);
	arena_fini(&arena);
	return more;
}

static struct buf
transcript(const uint8_t *data, size_t n, uint64_t dice)
{
	struct feed f = feed_make(data, n, dice);
	struct buf out = { NULL, 0, 0 };

	while (f.pos < n && note_request(&out, &f))
		continue;
	return out;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = transcript(data, size, 0);

	for (uint64_t dice = 1; dice <= 3; dice++) {
		struct buf pieces = transcript(data, size, dice + size * 16);

		CHECK(str_eq(buf_view(&whole), buf_view(&pieces)));
		buf_fini(&pieces);
	}
	buf_fini(&whole);
	return 0;
}
