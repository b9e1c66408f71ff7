/* What the fuzzers of the HTTP/1 reader share: input that arrives in pieces, and a transcript. */

#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "http/h1_body.h"
#include "http/h1_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Small, so that short inputs reach them. */
static const struct h1_limits fuzz_limits = { 4096, 1024, 40, H1_BARE_LF_NEVER };

/* The bytes of a connection, of which the reader sees a growing part. */
struct feed {
	const uint8_t *data;
	size_t n;
	size_t pos;			/* used up */
	size_t visible;			/* has arrived */
	uint64_t dice;			/* 0: everything arrives at once */
	enum h1_bare_lf bare_lf;
};

static inline struct feed
feed_make(const uint8_t *data, size_t n, uint64_t dice)
{
	return (struct feed){ data, n, 0, dice == 0 ? n : 0, dice, H1_BARE_LF_NEVER };
}

/* More bytes arrive; false if there are none. */
static inline bool
feed_more(struct feed *f)
{
	size_t left = f->n - f->visible, step;

	if (left == 0)
		return false;
	f->dice = f->dice * 6364136223846793005u + 1442695040888963407u;
	step = 1 + (f->dice >> 33) % ((f->dice >> 61) == 0 ? 200 : 7);
	f->visible += step < left ? step : left;
	return true;
}

/* What has arrived and is not used, in memory of just that size. */
static inline struct block *
feed_block(const struct feed *f)
{
	size_t n = f->visible - f->pos;
	struct block *b = block_new(n);

	if (n > 0)
		memcpy(b->data, f->data + f->pos, n);
	return b;
}

/* Reads a head; BAD or DONE, or MORE when the input ends first.  `*block` holds its bytes. */
static inline enum h1_scan_result
feed_head(struct feed *f, struct h1_scan *scan, struct block **block, struct refusal *refusal)
{
	struct h1_limits limits = fuzz_limits;
	enum h1_scan_result r;

	limits.bare_lf = f->bare_lf;
	*scan = (struct h1_scan){ 0 };
	for (;;) {
		*block = feed_block(f);
		r = h1_scan_head(scan, (*block)->data, f->visible - f->pos, &limits, refusal);
		if (r == H1_SCAN_DONE)
			f->pos += scan->pos;
		if (r != H1_SCAN_MORE || !feed_more(f))
			return r;
		block_unref(*block);
	}
}

/* Reads a body into `out`; END or BAD, or MORE when the input ends first. */
static inline enum h1_body_result
feed_body(struct feed *f, struct h1_body *body, struct buf *out)
{
	enum h1_body_result r;
	struct chain bytes;

	do {
		size_t n = f->visible - f->pos, used;
		struct block *block = feed_block(f);

		chain_init(&bytes);
		r = h1_body_decode(body, block, block->data, n, &bytes, &used);
		CHECK(used <= n && (used == n || r != H1_BODY_MORE));
		CHECK((r == H1_BODY_END) == h1_body_at_end(body));
		CHECK(body->received == out->n + bytes.len);
		chain_copy_out(&bytes, buf_room(out, bytes.len + 1), bytes.len);
		out->n += bytes.len;
		chain_clear(&bytes);
		block_unref(block);
		f->pos += used;
	} while (r == H1_BODY_MORE && feed_more(f));
	return r;
}

static inline void
note_str(struct buf *out, const char *what, struct str s)
{
	buf_printf(out, "%s[%zu]=", what, s.n);
	buf_add(out, s.p, s.n);
	buf_char(out, '\n');
}

static inline void
note_fields(struct buf *out, const struct fields *fields)
{
	FIELDS_EACH(f, fields) {
		CHECK(f->name.n > 0 && str_all(f->name, CHAR_TOKEN));
		CHECK(str_all(f->value, CHAR_VALUE));
		CHECK(f->value.n == str_trim(f->value).n);
		CHECK(f->id == field_lookup(f->name));
		note_str(out, " name", f->name);
		note_str(out, " value", f->value);
	}
}

static inline void
note_refusal(struct buf *out, const struct refusal *r)
{
	CHECK(r->status >= 400 && r->status <= 599 && r->why != NULL && r->text != NULL);
	buf_printf(out, "refused %d %s %s\n", r->status, r->why, r->text);
}

/* Reads the rest of a message; false if nothing can follow it. */
static inline bool
note_body(struct buf *out, struct feed *f, enum framing framing, uint64_t length,
    struct arena *arena)
{
	struct buf bytes = { NULL, 0, 0 };
	struct h1_body body;
	struct fields *trailers;
	enum h1_body_result r;

	h1_body_init(&body, framing, length);
	r = h1_body_at_end(&body) ? H1_BODY_END : feed_body(f, &body, &bytes);
	note_str(out, "body", buf_view(&bytes));
	if (r == H1_BODY_END && h1_body_has_trailers(&body)) {
		trailers = h1_parse_trailers(buf_view(&body.trailers), arena);
		if (trailers != NULL)
			note_fields(out, trailers);
		else
			r = H1_BODY_BAD;
	}
	buf_printf(out, "body result %d\n", r);
	buf_fini(&bytes);
	h1_body_fini(&body);
	return r == H1_BODY_END;
}

#endif
