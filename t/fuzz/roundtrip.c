/*
 * The smuggling oracle: a request that was accepted, written anew as forwarding writes it and read
 * again, is the same single message, with nothing left over.
 */

#include "fuzz.h"
#include "http/h1_write.h"

struct message {
	struct request r;
	struct block *block;
	struct arena arena;
	struct buf body;
	struct h1_body decoder;
	struct fields *trailers;	/* NULL: none */
};

static void
message_fini(struct message *m)
{
	block_unref(m->block);
	arena_fini(&m->arena);
	buf_fini(&m->body);
	h1_body_fini(&m->decoder);
}

/* Reads one whole request; false if it is refused or cut. */
static bool
message_read(struct message *m, struct feed *f)
{
	struct h1_scan scan;
	struct refusal refusal;
	enum h1_body_result r = H1_BODY_END;

	*m = (struct message){ .r = { .minor = 1 } };
	arena_init(&m->arena);
	if (feed_head(f, &scan, &m->block, &refusal) != H1_SCAN_DONE ||
	    !h1_parse_request(m->block->data, &scan, &m->arena, &m->r, &refusal) ||
	    !request_check(&m->r, &m->arena, &refusal))
		return false;
	h1_body_init(&m->decoder, m->r.framing, m->r.content_length);
	if (!h1_body_at_end(&m->decoder))
		r = feed_body(f, &m->decoder, &m->body);
	if (r != H1_BODY_END || !h1_body_has_trailers(&m->decoder))
		return r == H1_BODY_END;
	m->trailers = h1_parse_trailers(buf_view(&m->decoder.trailers), &m->arena);
	return m->trailers != NULL;
}

/* The target in origin-form; the authority of an absolute one goes into Host: RFC 9112, 3.2.2. */
static struct str
forwarded_target(struct message *m)
{
	const struct target *t = &m->r.target;

	if (t->form != TARGET_ABSOLUTE)
		return m->r.raw_target;
	fields_set(&m->r.fields, FIELD_HOST, m->r.host_field);
	if (t->query.p == NULL)
		return t->path;
	return arena_printf(&m->arena, "%.*s?%.*s", STR_ARG(t->path), STR_ARG(t->query));
}

static void
write_message(struct message *m, struct chain *out)
{
	const struct request *r = &m->r;
	struct h1_request_head head = { r->method, forwarded_target(m), &r->fields, r->framing,
		r->content_length, r->upgrade };
	struct chain body;

	fields_strip_hop_by_hop(&m->r.fields);
	if (r->minor == 0 && r->host_field.p == NULL)
		fields_add_id(&m->r.fields, FIELD_HOST, STR_OF("server"));
	h1_write_request(out, &head);
	chain_init(&body);
	if (r->framing == FRAMING_CHUNKED) {
		/* In two chunks, as it may have come. */
		chain_add_ext(&body, m->body.p, m->body.n / 3, NULL, NULL);
		h1_write_chunk(out, &body, false);
		chain_add_ext(&body, m->body.p + m->body.n / 3, m->body.n - m->body.n / 3, NULL,
		    NULL);
		h1_write_chunk(out, &body, false);
		h1_write_last_chunk(out, m->trailers);
	} else {
		chain_add_ext(out, m->body.p, m->body.n, NULL, NULL);
	}
}

/* Lines as the most naive reader sees them: one for each field that we meant to write. */
static void
check_lines(const struct message *m, struct str text)
{
	const struct request *r = &m->r;
	size_t want = 2 + (r->framing != FRAMING_NONE) + 2 * (r->upgrade.p != NULL), lines = 0;
	size_t framings = 0;
	struct str line;

	FIELDS_EACH(f, &r->fields)
		want++;
	while (str_cut(&text, '\n', &line)) {
		lines++;
		CHECK(line.n > 0 && line.p[line.n - 1] == '\r');
		line.n--;
		CHECK(memchr(line.p, '\r', line.n) == NULL && memchr(line.p, '\0', line.n) == NULL);
		CHECK(line.n == 0 || (line.p[0] != ' ' && line.p[0] != '\t'));
		framings += line.n > 15 && str_ieq(str_make(line.p, 15), STR_OF("Content-Length:"));
		framings += line.n > 18 &&
		    str_ieq(str_make(line.p, 18), STR_OF("Transfer-Encoding:"));
		if (line.n == 0)
			break;
	}
	CHECK(lines == want && framings == (r->framing != FRAMING_NONE));
}

/* Both lists without what is written anew. */
static void
check_same_fields(struct fields *sent, struct fields *got)
{
	struct buf a = { NULL, 0, 0 }, b = { NULL, 0, 0 };

	fields_strip_hop_by_hop(got);
	note_fields(&a, sent);
	note_fields(&b, got);
	CHECK(str_eq(buf_view(&a), buf_view(&b)));
	buf_fini(&a);
	buf_fini(&b);
}

static void
check_same(struct message *sent, struct message *got, struct str target)
{
	CHECK(str_eq(sent->r.method, got->r.method));
	CHECK(str_eq(got->r.raw_target, target) && str_eq(sent->r.path, got->r.path));
	CHECK(str_eq(sent->r.host, got->r.host) || sent->r.minor == 0);
	CHECK(sent->r.framing == got->r.framing);
	CHECK(sent->r.framing != FRAMING_LENGTH || sent->r.content_length == got->r.content_length);
	CHECK(str_eq(sent->r.upgrade, got->r.upgrade));
	CHECK(str_eq(buf_view(&sent->body), buf_view(&got->body)));
	check_same_fields(&sent->r.fields, &got->r.fields);
	/* Of trailers that were all dropped nothing is written. */
	if (sent->trailers != NULL && got->trailers != NULL)
		check_same_fields(sent->trailers, got->trailers);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed in = feed_make(data, size, 0);
	struct message sent, got;
	struct chain out;
	uint8_t *bytes;

	if (size == 0 || !message_read(&sent, &in)) {
		if (size > 0)
			message_fini(&sent);
		return 0;
	}
	chain_init(&out);
	write_message(&sent, &out);
	bytes = mem_alloc(out.len);
	chain_copy_out(&out, (char *)bytes, out.len);
	check_lines(&sent, str_make((char *)bytes, out.len));
	in = feed_make(bytes, out.len, 0);
	CHECK(message_read(&got, &in));
	CHECK(in.pos == out.len);
	check_same(&sent, &got, forwarded_target(&sent));
	message_fini(&got);
	message_fini(&sent);
	chain_clear(&out);
	mem_free(bytes);
	return 0;
}
