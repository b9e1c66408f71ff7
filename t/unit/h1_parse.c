/* h1_parse.c: HTTP/1 heads, whole and in pieces. */

#include "unit.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"
#include "http/h1_parse.h"

static struct arena arena;
static struct buf text;
static const struct h1_limits roomy = { 8192, 4096, 100, H1_BARE_LF_NEVER };

static void
setup(void)
{
	arena_init(&arena);
	buf_init(&text);
}

static void
teardown(void)
{
	arena_fini(&arena);
	buf_fini(&text);
}

static enum h1_scan_result
scan_pieces(struct h1_scan *s, struct str head, size_t step, const struct h1_limits *limits,
    struct refusal *refusal)
{
	enum h1_scan_result r = H1_SCAN_MORE;

	*s = (struct h1_scan){ 0 };
	for (size_t n = step; r == H1_SCAN_MORE; n += step) {
		if (n > head.n)
			n = head.n;
		r = h1_scan_head(s, head.p, n, limits, refusal);
		if (n == head.n)
			break;
	}
	return r;
}

/* `GET /a 1.1|Name=value|...`, or `400 what is wrong`. */
static const char *
parse(struct str head, size_t step)
{
	struct request r = { 0 };
	struct refusal refusal = { 0 };
	struct h1_scan s;
	enum h1_scan_result result = scan_pieces(&s, head, step, &roomy, &refusal);

	text.n = 0;
	if (result == H1_SCAN_MORE)
		return "more";
	if (result == H1_SCAN_BAD || !h1_parse_request(head.p, &s, &arena, &r, &refusal)) {
		buf_printf(&text, "%d", refusal.status);
		ck_assert(refusal.why != NULL && refusal.text != NULL);
		return buf_text(&text);
	}
	buf_printf(&text, "%.*s %.*s 1.%d", STR_ARG(r.method), STR_ARG(r.raw_target), r.minor);
	FIELDS_EACH(f, &r.fields)
		buf_printf(&text, "|%.*s=%.*s", STR_ARG(f->name), STR_ARG(f->value));
	ck_assert_uint_eq(r.head_bytes, s.pos);
	if (s.pos < head.n)
		buf_printf(&text, "+%zu", head.n - s.pos);
	return buf_text(&text);
}

#define H	"Host: a\r\n"
#define FIELD(f)	"GET / HTTP/1.1\r\n" f "\r\n\r\n"

static const struct {
	struct str head;
	const char *gives;
} requests[] = {
	{ STR("GET /a HTTP/1.1\r\n\r\n"), "GET /a 1.1" },
	{ STR("GET /a HTTP/1.0\r\n" H "\r\n"), "GET /a 1.0|Host=a" },
	{ STR("GET /a HTTP/1.1\r\n" H "\r\nnext"), "GET /a 1.1|Host=a+4" },
	{ STR("GET /a HTTP/1.7\r\n\r\n"), "GET /a 1.1" },
	{ STR("QUERY /a HTTP/1.1\r\n\r\n"), "QUERY /a 1.1" },
	{ STR("get /a HTTP/1.1\r\n\r\n"), "get /a 1.1" },
	{ STR("M!#$%&'*+.^_`|~9 /a HTTP/1.1\r\n\r\n"), "M!#$%&'*+.^_`|~9 /a 1.1" },
	{ STR("PRI * HTTP/1.1\r\n\r\n"), "PRI * 1.1" },
	{ STR(FIELD("A:b")), "GET / 1.1|A=b" },
	{ STR(FIELD("A:\t b c \t")), "GET / 1.1|A=b c" },
	{ STR(FIELD("A:")), "GET / 1.1|A=" },
	{ STR(FIELD("A:  \t")), "GET / 1.1|A=" },
	{ STR(FIELD("A:\r\nB: c")), "GET / 1.1|A=|B=c" },
	{ STR(FIELD("A::b:")), "GET / 1.1|A=:b:" },
	{ STR(FIELD("A: \x80\xff")), "GET / 1.1|A=\x80\xff" },
	{ STR(FIELD("!#$%&'*+-.^_`|~: x")), "GET / 1.1|!#$%&'*+-.^_`|~=x" },
	{ STR(FIELD("A: 1\r\na: 2\r\nA: 3")), "GET / 1.1|A=1|a=2|A=3" },
	/* Blanks at the end of what llhttp looks into. */
	{ STR(FIELD("Content-Length: 5 \t")), "GET / 1.1|Content-Length=5" },
	{ STR(FIELD("Transfer-Encoding: chunked\t")), "GET / 1.1|Transfer-Encoding=chunked" },
	{ STR(FIELD("Connection: close\t\r\nX: y")), "GET / 1.1|Connection=close|X=y" },
	{ STR(FIELD("Connection: upgrade\r\nUpgrade: websocket ")),
	  "GET / 1.1|Connection=upgrade|Upgrade=websocket" },
	{ STR(FIELD("Proxy-Connection: close\r\nX: y")), "GET / 1.1|Proxy-Connection=close|X=y" },

	{ STR("GET  /a HTTP/1.1\r\n\r\n"), "400" },
	{ STR("GET /a  HTTP/1.1\r\n\r\n"), "400" },
	{ STR("GET /a HTTP/1.1 \r\n\r\n"), "400" },
	{ STR("GET /a b HTTP/1.1\r\n\r\n"), "400" },
	{ STR("GET\t/a HTTP/1.1\r\n\r\n"), "400" },
	{ STR("GET /a\tHTTP/1.1\r\n\r\n"), "400" },
	{ STR("GET /a\r\n\r\n"), "400" },
	{ STR("GET\r\n\r\n"), "400" },
	{ STR("GET /a \r\n\r\n"), "400" },
	{ STR("GET /a HTTP/1\r\n\r\n"), "400" },
	{ STR("GET /a HTTP/1.10\r\n\r\n"), "400" },
	{ STR("GET /a http/1.1\r\n\r\n"), "400" },
	{ STR("GET /a HTTP/x.1\r\n\r\n"), "400" },
	{ STR("GET /a RTSP/1.0\r\n\r\n"), "400" },
	{ STR("G(T /a HTTP/1.1\r\n\r\n"), "400" },
	{ STR("GET /a HTTP/2.0\r\n\r\n"), "505" },
	{ STR("GET /a HTTP/0.9\r\n\r\n"), "505" },
	{ STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "505" },
	{ STR(" GET /a HTTP/1.1\r\n\r\n"), "400" },
	{ STR("\nGET /a HTTP/1.1\r\n\r\n"), "400" },
	{ STR("\x16\x03\x01\x02"), "400" },
	{ STR("GET /a HTTP/1.1\n\n"), "400" },
	{ STR("GET /a HTTP/1.1\r\r\n\r\n"), "400" },
	{ STR("GET /a\0 HTTP/1.1\r\n\r\n"), "400" },
	{ STR(FIELD(" A: b")), "400" },
	{ STR(FIELD("A: b\r\n c")), "400" },
	{ STR(FIELD("A: b\r\n\tc")), "400" },
	{ STR(FIELD("A:\r\n b")), "400" },
	{ STR(FIELD("A: b\r\n ")), "400" },
	{ STR(FIELD("A : b")), "400" },
	{ STR(FIELD("A\t: b")), "400" },
	{ STR(FIELD("A B: c")), "400" },
	{ STR(FIELD("A")), "400" },
	{ STR(FIELD("A ")), "400" },
	{ STR(FIELD(": b")), "400" },
	{ STR(FIELD(":")), "400" },
	{ STR(FIELD("A(): b")), "400" },
	{ STR(FIELD("A\x80: b")), "400" },
	{ STR(FIELD("A: b\0c")), "400" },
	{ STR(FIELD("A: b\x01")), "400" },
	{ STR(FIELD("A: b\x7f")), "400" },
	{ STR(FIELD("A: b\rC: d")), "400" },
	{ STR(FIELD("A: b\nC: d")), "400" },
	{ STR("GET / HTTP/1.1\r\nA: b\r\n\n"), "400" },
	{ STR("GET / HTTP/1.1\r\nA: b\r\n\rX"), "400" },
	{ STR("GET / HTTP/1.1\r\nA: b\r\n\r"), "more" },
	{ STR("GET / HTTP/1.1\r\nA: b\r\n"), "more" },
	{ STR("GET"), "more" },
};

START_TEST(request_heads)
{
	ck_assert_str_eq(parse(requests[_i].head, requests[_i].head.n), requests[_i].gives);
	for (size_t step = 1; step < 8; step++)
		ck_assert_str_eq(parse(requests[_i].head, step), requests[_i].gives);
}
END_TEST

#define NO_NAME		"a header line that does not begin with a name and a colon"
#define NO_LENGTH	"a Content-Length that is no number below 2^63"
#define TWO_LENGTHS	"more than one Content-Length, or one beside Transfer-Encoding"
#define NOT_LAST	"a Transfer-Encoding in which chunked is not the last coding"

/* What users are told: whatever llhttp refuses stands here, and nothing of it in llhttp's words. */
static const struct {
	struct str head;
	const char *text;
} refusals[] = {
	{ STR(FIELD(": x")), NO_NAME },
	{ STR(FIELD(":")), NO_NAME },
	{ STR(FIELD("A: b\r\n: x \t")), NO_NAME },
	{ STR(FIELD("A")), NO_NAME },
	{ STR(FIELD("A ")), NO_NAME },
	{ STR(FIELD("A : b")), NO_NAME },
	{ STR(FIELD("A\t: b")), NO_NAME },
	{ STR(FIELD("A B: c")), NO_NAME },
	{ STR(FIELD("A(): b")), NO_NAME },
	{ STR(FIELD("A\x80: b")), NO_NAME },
	{ STR(FIELD("Content-Length : 5")), NO_NAME },
	{ STR(FIELD("Content-Length:")), NO_LENGTH },
	{ STR(FIELD("Content-Length: \t")), NO_LENGTH },
	{ STR(FIELD("Content-Length: x")), NO_LENGTH },
	{ STR(FIELD("Content-Length: 5, 5")), NO_LENGTH },
	{ STR(FIELD("Content-Length: 5 5")), NO_LENGTH },
	{ STR(FIELD("Content-Length: -1")), NO_LENGTH },
	{ STR(FIELD("Content-Length: 18446744073709551616")), NO_LENGTH },
	{ STR(FIELD("Content-Length: 5\r\nContent-Length: 5")), TWO_LENGTHS },
	{ STR(FIELD("Content-Length: 5\r\nTransfer-Encoding: chunked")), TWO_LENGTHS },
	{ STR(FIELD("Transfer-Encoding: chunked\r\nContent-Length: 5")), TWO_LENGTHS },
	{ STR(FIELD("Transfer-Encoding: chunked, gzip")), NOT_LAST },
	{ STR(FIELD("Transfer-Encoding: chunked, chunked")), NOT_LAST },
	{ STR(FIELD("Transfer-Encoding: chunked,")), NOT_LAST },
};

START_TEST(refusals_in_our_words)
{
	struct str head = refusals[_i].head;
	struct request request = { 0 };
	struct response response = { 0 };
	struct refusal refusal = { 0 };
	struct h1_scan s;
	struct buf answer = { NULL, 0, 0 };

	ck_assert_int_eq(scan_pieces(&s, head, head.n, &roomy, &refusal), H1_SCAN_DONE);
	ck_assert(!h1_parse_request(head.p, &s, &arena, &request, &refusal));
	ck_assert_str_eq(refusal.text, refusals[_i].text);
	buf_printf(&answer, "HTTP/1.1 200 OK%.*s", (int)(head.n - s.start_line_end),
	    head.p + s.start_line_end);
	ck_assert_int_eq(scan_pieces(&s, buf_view(&answer), answer.n, &roomy, &refusal),
	    H1_SCAN_DONE);
	ck_assert(!h1_parse_response(answer.p, &s, &arena, &response, &refusal));
	ck_assert_str_eq(refusal.text, refusals[_i].text);
	buf_fini(&answer);
}
END_TEST

/* Legal, if odd: no number of such lines is too many but max_fields. */
START_TEST(many_lines_with_blanks)
{
	struct buf head = { NULL, 0, 0 };
	const char *got;

	buf_cstr(&head, "GET / HTTP/1.1\r\n");
	for (int i = 0; i < 90; i++)
		buf_printf(&head, "A%d: \t%d \t\r\n", i, i);
	buf_cstr(&head, "\r\n");
	got = parse(buf_view(&head), head.n);
	ck_assert_msg(str_starts(str_of(got), STR_OF("GET / 1.1|A0=0|A1=1|")), "%s", got);
	ck_assert(str_ends(str_of(got), STR_OF("|A88=88|A89=89")));
	buf_fini(&head);
}
END_TEST

static const struct {
	struct h1_limits limits;
	struct str head;
	int status;			/* 0: none is passed */
} limits[] = {
	{ { 1000, 15, 2, H1_BARE_LF_NEVER }, STR("GET /a HTTP/1.1\r\nA: b\r\nC: d\r\n\r\n"), 0 },
	{ { 1000, 14, 2, H1_BARE_LF_NEVER }, STR("GET /a HTTP/1.1\r\nA: b\r\nC: d\r\n\r\n"), 414 },
	{ { 1000, 14, 2, H1_BARE_LF_NEVER }, STR("GET /a HTTP/1.1"), 414 },
	{ { 1000, 15, 1, H1_BARE_LF_NEVER }, STR("GET /a HTTP/1.1\r\nA: b\r\nC: d\r\n\r\n"), 431 },
	{ { 1000, 15, 1, H1_BARE_LF_NEVER }, STR("GET /a HTTP/1.1\r\nA: b\r\nC: d\r\n"), 431 },
	{ { 24, 15, 2, H1_BARE_LF_NEVER }, STR("GET /a HTTP/1.1\r\nA: bcdefgh"), 431 },
	{ { 28, 15, 2, H1_BARE_LF_NEVER }, STR("GET /a HTTP/1.1\r\nA: b\r\nC: d\r\n\r\n"), 431 },
};

START_TEST(limits_are_kept)
{
	for (size_t step = 1; step <= limits[_i].head.n; step++) {
		struct refusal refusal = { 0 };
		struct h1_scan s;
		enum h1_scan_result r = scan_pieces(&s, limits[_i].head, step, &limits[_i].limits,
		    &refusal);

		ck_assert_int_eq(r, limits[_i].status != 0 ? H1_SCAN_BAD : H1_SCAN_DONE);
		ck_assert_int_eq(refusal.status, limits[_i].status);
	}
}
END_TEST

static const struct {
	struct str head;
	const char *gives;		/* NULL: refused */
} responses[] = {
	{ STR("HTTP/1.1 200 OK\r\n\r\n"), "200 1.1 <OK>" },
	{ STR("HTTP/1.0 404 Not  Found here\r\n\r\n"), "404 1.0 <Not  Found here>" },
	{ STR("HTTP/1.1 200 \r\n\r\n"), "200 1.1 <>" },
	{ STR("HTTP/1.1 200\r\n\r\n"), "200 1.1 <>" },
	{ STR("HTTP/1.1 100 Continue\r\n\r\n"), "100 1.1 <Continue>" },
	{ STR("HTTP/1.1 599 x\r\n\r\n"), "599 1.1 <x>" },
	{ STR("HTTP/1.1 200 \xe4\r\n\r\n"), "200 1.1 <\xe4>" },
	{ STR("HTTP/1.1 600 x\r\n\r\n"), NULL },
	{ STR("HTTP/1.1 099 x\r\n\r\n"), NULL },
	{ STR("HTTP/1.1 99 x\r\n\r\n"), NULL },
	{ STR("HTTP/1.1 20\r\n\r\n"), NULL },
	{ STR("HTTP/1.1 2000 x\r\n\r\n"), NULL },
	{ STR("HTTP/1.1 0200 x\r\n\r\n"), NULL },
	{ STR("HTTP/1.1 +20 x\r\n\r\n"), NULL },
	{ STR("HTTP/1.1  200 x\r\n\r\n"), NULL },
	{ STR("HTTP/1.1 200\tOK\r\n\r\n"), NULL },
	{ STR("HTTP/1.1\r\n\r\n"), NULL },
	{ STR("HTTP/1.1 \r\n\r\n"), NULL },
	{ STR("HTTP/2.0 200 OK\r\n\r\n"), NULL },
	{ STR("HTTP/1.1a 200 OK\r\n\r\n"), NULL },
	{ STR("ICY 200 OK\r\n\r\n"), NULL },
	{ STR("200 OK\r\n\r\n"), NULL },
	{ STR("HTTP/1.1 200 OK\r\nA : b\r\n\r\n"), NULL },
	{ STR("HTTP/1.1 200 O\0K\r\n\r\n"), NULL },
	{ STR("<html>"), NULL },
};

START_TEST(response_heads)
{
	struct str head = responses[_i].head;
	struct response r = { 0 };
	struct refusal refusal = { 0 };
	struct h1_scan s;
	bool ok = scan_pieces(&s, head, head.n, &roomy, &refusal) == H1_SCAN_DONE &&
	    h1_parse_response(head.p, &s, &arena, &r, &refusal);

	ck_assert(ok == (responses[_i].gives != NULL));
	if (ok) {
		buf_printf(&text, "%d 1.%d <%.*s>", r.status, r.minor, STR_ARG(r.reason));
		ck_assert_str_eq(buf_text(&text), responses[_i].gives);
	} else {
		ck_assert_int_ne(refusal.status, 0);
	}
}
END_TEST

/* The head with LF for each CRLF. */
static struct str
without_cr(struct str head)
{
	char *p = arena_alloc(&arena, head.n);
	size_t n = 0;

	for (size_t i = 0; i < head.n; i++)
		if (head.p[i] != '\r' || i + 1 == head.n || head.p[i + 1] != '\n')
			p[n++] = head.p[i];
	return str_make(p, n);
}

/* `200 1.1 <reason>|Name=value|...`, or what is wrong. */
static const char *
parse_answer(struct str head, size_t step, enum h1_bare_lf bare_lf)
{
	struct h1_limits limits_ = roomy;
	struct response r = { 0 };
	struct refusal refusal = { 0 };
	struct h1_scan s;
	enum h1_scan_result result;

	limits_.bare_lf = bare_lf;
	result = scan_pieces(&s, head, step, &limits_, &refusal);
	text.n = 0;
	if (result == H1_SCAN_MORE)
		return "more";
	if (result == H1_SCAN_BAD || !h1_parse_response(head.p, &s, &arena, &r, &refusal))
		return refusal.text;
	buf_printf(&text, "%d 1.%d <%.*s>", r.status, r.minor, STR_ARG(r.reason));
	FIELDS_EACH(f, &r.fields)
		buf_printf(&text, "|%.*s=%.*s", STR_ARG(f->name), STR_ARG(f->value));
	if (s.pos < head.n)
		buf_printf(&text, "+%.*s", (int)(head.n - s.pos), head.p + s.pos);
	return buf_text(&text);
}

#define ANSWER(f)	"HTTP/1.1 200 OK\r\n" f "\r\n\r\n"

static const struct str answers[] = {
	STR(ANSWER("A: b")),
	STR(ANSWER("A:")),
	STR(ANSWER("A: \t b \t\r\nB:\r\nC: \t")),
	STR(ANSWER("Content-Length: 5\r\nConnection: close") "hello"),
	STR(ANSWER("Content-Length: 5 \t\r\nConnection: close\t") "hello"),
	STR(ANSWER("Transfer-Encoding: chunked \r\nX: y")),
	STR(ANSWER("A: b\r\n c")),
	STR(ANSWER("A: b\r\n ")),
	STR(ANSWER("A : b")),
	STR(ANSWER(": b")),
	STR(ANSWER("A")),
	STR(ANSWER("A: b\x01")),
	STR(ANSWER("A: b\rC: d")),
	STR(ANSWER("Content-Length: 5\r\nContent-Length: 5")),
	STR("HTTP/1.0 200\r\n\r\n"),
	STR("HTTP/1.1 200 OK\r\nA: b"),
	STR("HTTP/1.1 200 OK\r\nA: b\r\n"),
};

/* Taken, such a head says what it would say with CRLF. */
START_TEST(bare_line_ends)
{
	struct str head = answers[_i], bare = without_cr(head);
	const char *want = arena_printf(&arena, "%s",
	    parse_answer(head, head.n, H1_BARE_LF_REJECT)).p;

	for (size_t step = 1; step <= head.n; step++) {
		ck_assert_str_eq(parse_answer(bare, step, H1_BARE_LF_ACCEPT), want);
		ck_assert_str_eq(parse_answer(head, step, H1_BARE_LF_ACCEPT), want);
		ck_assert_str_eq(parse_answer(bare, step, H1_BARE_LF_REJECT),
		    "a line that ends without CR (bare_lf = accept would take it)");
		ck_assert_str_eq(parse_answer(bare, step, H1_BARE_LF_NEVER),
		    "a line that ends without CR");
	}
}
END_TEST

/* One line is enough. */
START_TEST(mixed_line_ends)
{
	ck_assert_str_eq(parse_answer(STR_OF("HTTP/1.1 200 OK\r\nA: b\n\r\nx"), 1,
	    H1_BARE_LF_ACCEPT), "200 1.1 <OK>|A=b+x");
	ck_assert_str_eq(parse_answer(STR_OF("HTTP/1.1 200 OK\nA: b\r\n\nx"), 1,
	    H1_BARE_LF_ACCEPT), "200 1.1 <OK>|A=b+x");
	ck_assert_str_eq(parse_answer(STR_OF("HTTP/1.1 200 OK\r\nA: b\r\n\nx"), 1,
	    H1_BARE_LF_REJECT),
	    "a line that ends without CR (bare_lf = accept would take it)");
	ck_assert_str_eq(parse_answer(STR_OF("HTTP/1.1 200 OK\nA: b\r\r\n\n"), 1,
	    H1_BARE_LF_ACCEPT), "a CR without LF");
	ck_assert_str_eq(parse_answer(STR_OF("\nHTTP/1.1 200 OK\n\n"), 1, H1_BARE_LF_ACCEPT),
	    "no HTTP message");
}
END_TEST

static const struct {
	struct str raw;
	const char *gives;		/* NULL: refused */
} trailers[] = {
	{ STR("\r\n"), "" },
	{ STR("A: b\r\nDigest: c \t\r\n\r\n"), "A=b Digest=c " },
	{ STR("Content-Length: 5\r\nA: b\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"), NULL },
	{ STR("Content-Length: 5\r\nA: b\r\nhost: x\r\n\r\n"), "A=b " },
	{ STR("If-Match: \"a\"\r\nOrigin: x\r\nVary: x\r\nVia: x\r\nX-T: t\r\nRefresh: 1\r\n\r\n"),
	  "X-T=t " },
	{ STR("Transfer-Encoding: chunked\r\nTE: trailers\r\nConnection: A\r\nA: b\r\n\r\n"),
	  "A=b " },
	{ STR("Cookie: x\r\nX-Forwarded-For: x\r\nForwarded: x\r\nKeep-Alive: x\r\n\r\n"), "" },
	{ STR("X-Real-IP: x\r\nX-Request-ID: x\r\nx-forwarded-prefix: x\r\n\r\n"), "" },
	{ STR("Authorization: x\r\nSet-Cookie: x\r\nContent-Encoding: x\r\n"
	    "Content-Range: x\r\nCache-Control: x\r\n\r\n"), "" },
	{ STR("A\r\n\r\n"), NULL },
	{ STR(": b\r\n\r\n"), NULL },
	{ STR("A : b\r\n\r\n"), NULL },
};

START_TEST(trailer_sections)
{
	struct fields *fields;
	char *copy = mem_strndup(trailers[_i].raw.p, trailers[_i].raw.n);

	fields = h1_parse_trailers(str_make(copy, trailers[_i].raw.n), &arena);
	mem_free(copy);			/* the fields live in the arena */
	ck_assert((fields != NULL) == (trailers[_i].gives != NULL));
	if (fields == NULL)
		return;
	FIELDS_EACH(f, fields)
		buf_printf(&text, "%.*s=%.*s ", STR_ARG(f->name), STR_ARG(f->value));
	ck_assert_str_eq(buf_text(&text), trailers[_i].gives);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("h1_parse");
	TCase *tc = tcase_create("h1_parse");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, request_heads, 0, ARRAY_LEN(requests));
	tcase_add_loop_test(tc, refusals_in_our_words, 0, ARRAY_LEN(refusals));
	tcase_add_test(tc, many_lines_with_blanks);
	tcase_add_loop_test(tc, limits_are_kept, 0, ARRAY_LEN(limits));
	tcase_add_loop_test(tc, response_heads, 0, ARRAY_LEN(responses));
	tcase_add_loop_test(tc, bare_line_ends, 0, ARRAY_LEN(answers));
	tcase_add_test(tc, mixed_line_ends);
	tcase_add_loop_test(tc, trailer_sections, 0, ARRAY_LEN(trailers));
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
