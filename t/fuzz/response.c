/* Responses: the verdict on a connection's bytes is the same however they are cut into pieces. */

#include "fuzz.h"

/* The requests that a response may answer; the first byte of the input chooses. */
static const struct request requests[] = {
	{ .method_id = METHOD_GET, .minor = 1 },
	{ .method_id = METHOD_HEAD, .minor = 1 },
	{ .method_id = METHOD_GET, .minor = 1, .upgrade = STR("websocket") },
	{ .method_id = METHOD_POST, .minor = 0 },
};

static void
check_accepted(const struct response *r, const struct request *request)
{
	CHECK(r->status >= 100 && r->status <= 599);
	CHECK(str_all(r->reason, CHAR_VALUE));
	CHECK(r->status != 101 || request->upgrade.p != NULL);
	CHECK(r->status >= 200 || r->framing == FRAMING_NONE);
	CHECK(r->framing != FRAMING_CLOSE || !r->keep_alive);
	CHECK(r->framing != FRAMING_LENGTH || r->content_length <= INT64_MAX);
	CHECK(r->framing != FRAMING_NONE || response_has_no_body(r->status, request->method_id));
	CHECK(r->keep_alive_ms >= 0);
}

/* A response, or an interim one; false if the connection is at its end. */
static bool
note_response(struct buf *out, struct feed *f, const struct request *request)
{
	struct response r = { 0 };
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
	    !h1_parse_response(block->data, &scan, &arena, &r, &refusal) ||
	    !response_check(&r, request, &refusal)) {
		note_refusal(out, &refusal);
	} else {
		bool no_body = response_has_no_body(r.status, request->method_id);

		check_accepted(&r, request);
		note_str(out, "reason", r.reason);
		buf_printf(out, "%d 1.%d framing %d %llu keep %d %lld\n", r.status, r.minor,
		    r.framing, (unsigned long long)r.content_length, r.keep_alive,
		    (long long)r.keep_alive_ms);
		note_fields(out, &r.fields);
		more = note_body(out, f, no_body ? FRAMING_NONE : r.framing, r.content_length,
		    &arena) && (r.status < 200 || r.keep_alive) && r.status != 101;
	}
	block_unref(block);
	arena_fini(&arena);
	return more;
}

static struct buf
transcript(const uint8_t *data, size_t n, const struct request *request, enum h1_bare_lf bare_lf,
    uint64_t dice)
{
	struct feed f = feed_make(data, n, dice);
	struct buf out = { NULL, 0, 0 };

	f.bare_lf = bare_lf;
	while (f.pos < n && note_response(&out, &f, request))
		continue;
	return out;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct request *request;
	enum h1_bare_lf bare_lf;
	struct buf whole;

	if (size == 0)
		return 0;
	request = &requests[data[0] % ARRAY_LEN(requests)];
	bare_lf = data[0] / ARRAY_LEN(requests) % 2 == 0 ? H1_BARE_LF_REJECT : H1_BARE_LF_ACCEPT;
	whole = transcript(data + 1, size - 1, request, bare_lf, 0);
	for (uint64_t dice = 1; dice <= 3; dice++) {
		struct buf pieces = transcript(data + 1, size - 1, request, bare_lf,
		    dice + size * 16);

		CHECK(str_eq(buf_view(&whole), buf_view(&pieces)));
		buf_fini(&pieces);
	}
	buf_fini(&whole);
	return 0;
}
