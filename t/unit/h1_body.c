/* h1_body.c: decoding bodies, whole and in pieces. */

#include "unit.h"

#include <stdio.h>

#include "base/check.h"
#include "http/h1_body.h"

static struct h1_body body;
static struct chain out;
static size_t used_in_all;

static void
setup(void)
{
	chain_init(&out);
}

static void
teardown(void)
{
	chain_clear(&out);
	h1_body_fini(&body);
}

/* Feeds pieces of `step` bytes, each in a block of its own. */
static enum h1_body_result
decode(struct str bytes, size_t step)
{
	enum h1_body_result r = h1_body_at_end(&body) ? H1_BODY_END : H1_BODY_MORE;

	chain_clear(&out);
	used_in_all = 0;
	while (r == H1_BODY_MORE && used_in_all < bytes.n) {
		size_t n = bytes.n - used_in_all < step ? bytes.n - used_in_all : step, used;
		struct block *b = block_new(n);

		memcpy(b->data, bytes.p + used_in_all, n);
		r = h1_body_decode(&body, b, b->data, n, &out, &used);
		ck_assert(used <= n && (r != H1_BODY_MORE || used == n));
		used_in_all += used;
		block_unref(b);
	}
	return r;
}

static void
check_out(const char *want)
{
	char got[256];

	ck_assert_uint_lt(out.len, sizeof(got));
	chain_copy_out(&out, got, out.len);
	got[out.len] = '\0';
	ck_assert_str_eq(got, want);
	ck_assert_uint_eq(body.received, strlen(want));
}

START_TEST(no_body)
{
	h1_body_init(&body, FRAMING_NONE, 0);
	ck_assert(h1_body_at_end(&body));
	h1_body_init(&body, FRAMING_LENGTH, 0);
	ck_assert(h1_body_at_end(&body));
	ck_assert_int_eq(decode(STR_OF("next"), 4), H1_BODY_END);
	check_out("");
}
END_TEST

START_TEST(with_a_length)
{
	for (size_t step = 1; step < 12; step++) {
		h1_body_init(&body, FRAMING_LENGTH, 5);
		ck_assert(h1_body_left(&body) == 5 && !h1_body_at_end(&body));
		ck_assert_int_eq(decode(STR_OF("helloGET /"), step), H1_BODY_END);
		ck_assert_uint_eq(used_in_all, 5);
		check_out("hello");
		h1_body_init(&body, FRAMING_LENGTH, 5);
		ck_assert_int_eq(decode(STR_OF("hell"), step), H1_BODY_MORE);
		ck_assert_uint_eq(h1_body_left(&body), 1);
	}
}
END_TEST

START_TEST(until_the_end)
{
	h1_body_init(&body, FRAMING_CLOSE, 0);
	ck_assert_int_eq(decode(STR_OF("all of it"), 4), H1_BODY_MORE);
	check_out("all of it");
	ck_assert_uint_eq(h1_body_left(&body), UINT64_MAX);
	ck_assert_int_eq(h1_body_skip(&body, 1000), H1_BODY_MORE);
	ck_assert_uint_eq(body.received, 1009);
}
END_TEST

START_TEST(bytes_that_went_another_way)
{
	h1_body_init(&body, FRAMING_LENGTH, UINT64_C(5000000000));
	ck_assert_int_eq(h1_body_skip(&body, UINT64_C(4999999999)), H1_BODY_MORE);
	ck_assert_int_eq(decode(STR_OF("xy"), 2), H1_BODY_END);
	ck_assert_uint_eq(used_in_all, 1);
	h1_body_init(&body, FRAMING_LENGTH, 7);
	ck_assert_int_eq(h1_body_skip(&body, 7), H1_BODY_END);
	ck_assert(h1_body_at_end(&body));
}
END_TEST

static const struct {
	struct str bytes;
	int result;
	const char *body;		/* of complete ones */
	size_t rest;			/* bytes behind it */
} chunked[] = {
	{ STR("0\r\n\r\n"), H1_BODY_END, "", 0 },
	{ STR("5\r\nhello\r\n0\r\n\r\n"), H1_BODY_END, "hello", 0 },
	{ STR("5\r\nhello\r\n0\r\n\r\nGET /"), H1_BODY_END, "hello", 5 },
	{ STR("1\r\na\r\n2\r\nbc\r\na\r\n0123456789\r\n0\r\n\r\n"), H1_BODY_END,
	  "abc0123456789", 0 },
	{ STR("A\r\n0123456789\r\n000\r\n\r\n"), H1_BODY_END, "0123456789", 0 },
	{ STR("0000000000000000000005\r\nhello\r\n0\r\n\r\n"), H1_BODY_END, "hello", 0 },
	{ STR("5;a\r\nhello\r\n0;b=c\r\n\r\n"), H1_BODY_END, "hello", 0 },
	{ STR("5;a=\"x;\\\"y\";b\r\nhello\r\n0\r\n\r\n"), H1_BODY_END, "hello", 0 },
	{ STR("5 \t;a\r\nhello\r\n0\r\n\r\n"), H1_BODY_END, "hello", 0 },
	{ STR("5;a = b\t; c =\t\"\" ;d\r\nhello\r\n0 ; \t x\r\n\r\n"), H1_BODY_END, "hello", 0 },
	{ STR("5;a=\"\x80\t \\\x80\\\\\"\r\nhello\r\n0\r\n\r\n"), H1_BODY_END, "hello", 0 },
	{ STR("2\r\n\r\n\r\n0\r\n\r\n"), H1_BODY_END, "\r\n", 0 },
	{ STR("0\r\nA: b\r\nC:\r\n\r\n"), H1_BODY_END, "", 0 },
	{ STR("7fffffffffffffff\r\nx"), H1_BODY_MORE, NULL, 0 },
	{ STR("5\r\nhello\r\n"), H1_BODY_MORE, NULL, 0 },
	{ STR("0\r\n"), H1_BODY_MORE, NULL, 0 },
	{ STR("0\r\n\r"), H1_BODY_MORE, NULL, 0 },
	{ STR("0\r\nA: b\r\n"), H1_BODY_MORE, NULL, 0 },
	{ STR("\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5 \r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5\t\r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5\r\nhello\r\n0 \r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5;\r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5; \r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5;;a\r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5;a;\r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5;a \r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5;a b\r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5;=b\r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5;a=\r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5;a=;b\r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5;a=b \r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5;a=b=c\r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5;a=\"b\r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5;a=\"b\\\"\r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5;a=\"b\"c\r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5;a=b\"c\"\r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5;a(\r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR(";a\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR(" 5\r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("+5\r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("-1\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("0x5\r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5h\r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5 5\r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5_0\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("8000000000000000\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("10000000000000000\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("10000000000000005\r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("ffffffffffffffff\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5\r\r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5\rXhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5;a\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5;a\0\r\nhello\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5\r\nhelloXX0\r\n\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5\r\nhello\n0\r\n\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5\r\nhello\rX"), H1_BODY_BAD, NULL, 0 },
	{ STR("5\r\nhello0\r\n\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("5\r\nhello\r\n\r\n0\r\n\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("0\r\nGET / HTTP/1.1\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("0\r\n\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("0\r\n\rX"), H1_BODY_BAD, NULL, 0 },
	{ STR("0\r\n A: b\r\n\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("0\r\nA: b\r\n c\r\n\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("0\r\n: b\r\n\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("0\r\nA: b\0\r\n\r\n"), H1_BODY_BAD, NULL, 0 },
	{ STR("0\r\nA: b\r\n\n"), H1_BODY_BAD, NULL, 0 },
};

START_TEST(in_chunks)
{
	struct str bytes = chunked[_i].bytes;

	for (size_t step = 1; step <= bytes.n; step++) {
		h1_body_init(&body, FRAMING_CHUNKED, 0);
		ck_assert_int_eq(decode(bytes, step), chunked[_i].result);
		if (chunked[_i].body != NULL) {
			check_out(chunked[_i].body);
			ck_assert_uint_eq(used_in_all, bytes.n - chunked[_i].rest);
		}
		h1_body_fini(&body);
	}
}
END_TEST

START_TEST(trailers_are_kept)
{
	static const char want[] = "A: b\r\nC:\r\n\r\n";

	h1_body_init(&body, FRAMING_CHUNKED, 0);
	ck_assert_int_eq(decode(STR_OF("0;x\r\nA: b\r\nC:\r\n\r\n"), 3), H1_BODY_END);
	ck_assert(h1_body_has_trailers(&body));
	ck_assert(str_eq(buf_view(&body.trailers), STR_OF(want)));
	h1_body_fini(&body);
	h1_body_init(&body, FRAMING_CHUNKED, 0);
	ck_assert_int_eq(decode(STR_OF("0\r\n\r\n"), 3), H1_BODY_END);
	ck_assert(!h1_body_has_trailers(&body));
}
END_TEST

/* `unit` repeated `n` times behind `head`; BAD must come after at most `bound` bytes. */
static void
check_flood(const char *head, const char *unit, size_t bound)
{
	struct str piece = str_of(unit);
	enum h1_body_result r;
	size_t sent = 0;

	h1_body_init(&body, FRAMING_CHUNKED, 0);
	r = decode(str_of(head), SIZE_MAX);
	while (r == H1_BODY_MORE && sent <= bound) {
		r = decode(piece, piece.n);
		sent += piece.n;
	}
	ck_assert_int_eq(r, H1_BODY_BAD);
	h1_body_fini(&body);
}

START_TEST(nothing_is_endless)
{
	check_flood("", "0000000000000000", 5000);		/* zeros */
	check_flood("1;", "aaaaaaaaaaaaaaaa", 5000);		/* one long extension */
	check_flood("1", "                ", 5000);		/* blanks */
	check_flood("", "1;aaaaaaaaaaaaaaaa\r\nx\r\n", 100000);	/* extensions of small chunks */
	check_flood("0\r\n", "A: bbbbbbbbbbbbbb\r\n", 20000);	/* trailers */
	check_flood("0\r\nA:", "bbbbbbbbbbbbbbbb", 20000);	/* one long trailer */
}
END_TEST

/* Small chunks without extensions are slow, but nobody's attack. */
START_TEST(many_small_chunks)
{
	h1_body_init(&body, FRAMING_CHUNKED, 0);
	for (int i = 0; i < 10000; i++)
		ck_assert_int_eq(decode(STR_OF("1\r\nx\r\n"), 6), H1_BODY_MORE);
	ck_assert_uint_eq(body.received, 10000);
}
END_TEST

static struct block *
block_of(struct str bytes)
{
	struct block *b = block_new(bytes.n);

	memcpy(b->data, bytes.p, bytes.n);
	return b;
}

/* Bytes are referred to, not copied. */
START_TEST(segments_lie_in_the_block)
{
	char bytes[2048];
	int n = snprintf(bytes, sizeof(bytes), "3e8\r\n%01000d\r\n258\r\n%0600d\r\n", 1, 2);
	struct block *b = block_of(str_make(bytes, (size_t)n));
	size_t used;

	h1_body_init(&body, FRAMING_CHUNKED, 0);
	ck_assert_int_eq(h1_body_decode(&body, b, b->data, (size_t)n, &out, &used), H1_BODY_MORE);
	ck_assert_ptr_eq(out.first->p, b->data + 5);
	ck_assert_ptr_eq(out.first->next->p, b->data + 1012);
	ck_assert_uint_eq(b->refs, 3);
	block_unref(b);
}
END_TEST

/* Small ones are moved together: one segment, however many there were. */
START_TEST(small_chunks_close_up)
{
	struct str bytes = STR_OF("5\r\nhello\r\n00003\r\nyou\r\n1;a=b\r\n!\r\n");
	struct block *b = block_of(bytes);
	size_t used;

	h1_body_init(&body, FRAMING_CHUNKED, 0);
	ck_assert_int_eq(h1_body_decode(&body, b, b->data, bytes.n, &out, &used), H1_BODY_MORE);
	ck_assert_ptr_eq(out.first->p, b->data + 3);
	ck_assert_uint_eq(out.first->len, 9);
	ck_assert(memcmp(out.first->p, "helloyou!", 9) == 0);
	ck_assert_ptr_null(out.first->next);
	ck_assert_uint_eq(b->refs, 2);
	block_unref(b);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("h1_body");
	TCase *tc = tcase_create("h1_body");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, no_body);
	tcase_add_test(tc, with_a_length);
	tcase_add_test(tc, until_the_end);
	tcase_add_test(tc, bytes_that_went_another_way);
	tcase_add_loop_test(tc, in_chunks, 0, ARRAY_LEN(chunked));
	tcase_add_test(tc, trailers_are_kept);
	tcase_add_test(tc, nothing_is_endless);
	tcase_add_test(tc, many_small_chunks);
	tcase_add_test(tc, segments_lie_in_the_block);
	tcase_add_test(tc, small_chunks_close_up);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
