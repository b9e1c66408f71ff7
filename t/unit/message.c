/* message.c: what request_check() and response_check() let through, and what they make of it. */

#include "unit.h"

#include <stdio.h>

#include "base/buf.h"
#include "http/h1_parse.h"

static struct arena arena;
static struct buf text;

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

static void
scan(struct h1_scan *s, const char *head)
{
	static const struct h1_limits limits = { 65536, 65536, 1000, H1_BARE_LF_NEVER };
	struct refusal refusal;

	*s = (struct h1_scan){ 0 };
	ck_assert_int_eq(h1_scan_head(s, head, strlen(head), &limits, &refusal), H1_SCAN_DONE);
}

/* Checks the request with this start line, and these lines after it. */
static bool
check(struct request *r, const char *line, const char *fields, struct refusal *refusal)
{
	const char *head = arena_printf(&arena, "%s\r\n%s\r\n", line, fields).p;
	struct h1_scan s;

	*r = (struct request){ 0 };
	*refusal = (struct refusal){ 0 };
	scan(&s, head);
	return h1_parse_request(head, &s, &arena, r, refusal) && request_check(r, &arena, refusal);
}

#define HOST	"Host: a.test\r\n"
#define EIGHT	"a, b,,c ,close, , e,f"
#define OPTIONS_64 \
	"Connection: " EIGHT "," EIGHT "," EIGHT "," EIGHT "," EIGHT "," EIGHT "," EIGHT "," EIGHT

static const struct {
	const char *line, *fields;
	int status;			/* 0: accepted */
} requests[] = {
	{ "GET / HTTP/1.1", HOST, 0 },
	{ "OPTIONS * HTTP/1.1", HOST, 0 },
	{ "GET http://b.test/ HTTP/1.1", HOST, 0 },
	{ "PROPFIND / HTTP/1.1", HOST, 0 },
	{ "GET / HTTP/1.0", "", 0 },
	{ "GET / HTTP/1.0", HOST, 0 },
	{ "GET / HTTP/1.1", "", 400 },
	{ "GET / HTTP/1.1", "Host:\r\n", 400 },
	{ "GET / HTTP/1.1", HOST HOST, 400 },
	{ "GET / HTTP/1.0", HOST HOST, 400 },
	{ "GET / HTTP/1.1", "Host: a, b\r\n", 400 },
	{ "GET / HTTP/1.1", "Host: a/b\r\n", 400 },
	{ "GET / HTTP/1.1", "Host: u@a\r\n", 400 },
	{ "GET / HTTP/1.1", "Host: a:b\r\n", 400 },
	{ "GET / HTTP/1.1", "Host: [::1\r\n", 400 },
	{ "GET / HTTP/1.1", "Host: a b\r\n", 400 },
	{ "GET http://b.test/ HTTP/1.1", "", 400 },
	{ "GET http://b.test/ HTTP/1.1", "Host: a b\r\n", 400 },
	{ "GET http://u@b.test/ HTTP/1.1", HOST, 400 },
	{ "GET ftp://b.test/ HTTP/1.1", HOST, 400 },
	{ "GET * HTTP/1.1", HOST, 400 },
	{ "GET a HTTP/1.1", HOST, 400 },
	{ "GET /a#b HTTP/1.1", HOST, 400 },
	{ "GET /a\\b HTTP/1.1", HOST, 400 },
	{ "GET /%00 HTTP/1.1", HOST, 400 },
	{ "GET /%zz HTTP/1.1", HOST, 400 },
	{ "GET /a/../../b HTTP/1.1", HOST, 400 },
	{ "CONNECT a.test:443 HTTP/1.1", HOST, 405 },
	{ "CONNECT / HTTP/1.1", HOST, 405 },
	{ "TRACE / HTTP/1.1", HOST, 405 },

	{ "POST / HTTP/1.1", HOST "Content-Length: 5\r\n", 0 },
	{ "POST / HTTP/1.1", HOST "Content-Length: 005\r\n", 0 },
	{ "POST / HTTP/1.1", HOST "Content-Length: \t5\t \r\n", 0 },
	{ "POST / HTTP/1.1", HOST "Content-Length: 9223372036854775807\r\n", 0 },
	{ "POST / HTTP/1.1", HOST "Content-Length: 9223372036854775808\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Content-Length: 18446744073709551616\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Content-Length:\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Content-Length: +5\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Content-Length: -5\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Content-Length: 5, 5\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Content-Length: 5 5\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Content-Length: 0x5\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Content-Length: 5.0\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Content-Length: \"5\"\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Content-Length: 5\r\nContent-Length: 5\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Content-Length: 5\r\ncontent-length: 6\r\n", 400 },

	{ "POST / HTTP/1.1", HOST "Transfer-Encoding: chunked\r\n", 0 },
	{ "POST / HTTP/1.1", HOST "Transfer-Encoding: CHUNKED\r\n", 0 },
	{ "POST / HTTP/1.1", HOST "Transfer-Encoding:\tchunked\t\r\n", 0 },
	{ "POST / HTTP/1.0", HOST "Transfer-Encoding: chunked\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Transfer-Encoding:\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Transfer-Encoding: identity\r\n", 501 },
	{ "POST / HTTP/1.1", HOST "Transfer-Encoding: xchunked\r\n", 501 },
	{ "POST / HTTP/1.1", HOST "Transfer-Encoding: chunkedx\r\n", 501 },
	{ "POST / HTTP/1.1", HOST "Transfer-Encoding: chunked;q=1\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Transfer-Encoding: gzip, chunked\r\n", 501 },
	{ "POST / HTTP/1.1", HOST "Transfer-Encoding: gzip;q=1, br\r\n", 501 },
	{ "POST / HTTP/1.1", HOST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
	  501 },
	{ "POST / HTTP/1.1", HOST "Transfer-Encoding: chunked, gzip\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n",
	  400 },
	{ "POST / HTTP/1.0", HOST "Transfer-Encoding: gzip\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Transfer-Encoding: chun ked\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Transfer-Encoding: gzip,\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Transfer-Encoding: ;gzip\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Transfer-Encoding: ,chunked\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Transfer-Encoding: chunked, chunked\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
	  400 },
	{ "POST / HTTP/1.1", HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Transfer-Encoding: \"chunked\"\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400 },
	{ "POST / HTTP/1.1", HOST "Content-Length: 0\r\nTransfer-Encoding: identity\r\n", 400 },

	{ "POST / HTTP/1.1", HOST "Expect: 100-Continue\r\nContent-Length: 5\r\n", 0 },
	{ "GET / HTTP/1.1", HOST OPTIONS_64 "\r\n", 0 },
	{ "GET / HTTP/1.1", HOST OPTIONS_64 ",\r\n", 400 },
	{ "GET / HTTP/1.1", HOST OPTIONS_64 "\r\nConnection:\r\n", 400 },

	{ "POST / HTTP/1.1", HOST "Expect: teapot\r\nContent-Length: 5\r\n", 417 },
};

START_TEST(request_verdicts)
{
	struct request r;
	struct refusal refusal;
	bool ok = check(&r, requests[_i].line, requests[_i].fields, &refusal);

	ck_assert_int_eq(refusal.status, requests[_i].status);
	ck_assert(ok == (requests[_i].status == 0));
	ck_assert(ok || (refusal.why != NULL && refusal.text != NULL));
}
END_TEST

static const struct {
	const char *line, *fields;
	const char *host;		/* NULL: absent */
	unsigned port;
	const char *host_field, *path;
} hosts[] = {
	{ "GET / HTTP/1.1", "Host: A.Test.:8080\r\n", "a.test", 8080, "A.Test.:8080", "/" },
	{ "GET / HTTP/1.1", "host: [2001:DB8::1]\r\n", "2001:db8::1", 0, "[2001:DB8::1]", "/" },
	{ "GET http://B.test:81/x/../y HTTP/1.1", HOST, "b.test", 81, "B.test:81", "/y" },
	{ "GET http://b.test HTTP/1.1", "Host: a.test:1\r\n", "b.test", 0, "b.test", "/" },
	{ "GET http://b.test?q HTTP/1.0", "", "b.test", 0, "b.test", "/" },
	{ "OPTIONS * HTTP/1.1", HOST, "a.test", 0, "a.test", "*" },
	{ "GET /%61//b HTTP/1.0", "", NULL, 0, NULL, "/a/b" },
};

static void
check_str(struct str got, const char *want)
{
	ck_assert((got.p == NULL) == (want == NULL));
	if (want != NULL)
		ck_assert_str_eq(arena_str(&arena, got).p, want);
}

START_TEST(request_hosts)
{
	struct request r;
	struct refusal refusal;

	ck_assert(check(&r, hosts[_i].line, hosts[_i].fields, &refusal));
	check_str(r.host, hosts[_i].host);
	ck_assert_uint_eq(r.port, hosts[_i].port);
	check_str(r.host_field, hosts[_i].host_field);
	check_str(r.path, hosts[_i].path);
}
END_TEST

static const struct {
	const char *line, *fields;
	const char *gives;		/* of keep, expect, trailers, upgrade */
} connections[] = {
	{ "GET / HTTP/1.1", HOST, "keep" },
	{ "GET / HTTP/1.1", HOST "Connection: close\r\n", "" },
	{ "GET / HTTP/1.1", HOST "Connection: CLOSE\t\r\n", "" },
	{ "GET / HTTP/1.1", HOST "Connection: x, close\r\n", "" },
	{ "GET / HTTP/1.1", HOST "Connection: keep-alive\r\nConnection: close\r\n", "" },
	{ "GET / HTTP/1.1", HOST "Connection: closed\r\n", "keep" },
	{ "GET / HTTP/1.0", HOST, "" },
	{ "GET / HTTP/1.0", HOST "Connection: Keep-Alive\r\n", "keep" },
	{ "GET / HTTP/1.0", HOST "Connection: keep-alive, close\r\n", "" },
	{ "PUT / HTTP/1.1", HOST "Expect: 100-continue\r\nContent-Length: 5\r\n", "keep expect" },
	{ "GET / HTTP/1.1", HOST "Expect: 100-continue\r\n", "keep" },
	{ "PUT / HTTP/1.0", HOST "Expect: 100-continue\r\nContent-Length: 5\r\n", "" },
	{ "GET / HTTP/1.1", HOST "TE: gzip, Trailers\r\n", "keep trailers" },
	{ "GET / HTTP/1.1", HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n",
	  "keep upgrade=websocket" },
	{ "GET / HTTP/1.1", HOST "Connection: x, upgrade\r\nUpgrade: a/1, b\r\n",
	  "keep upgrade=a/1, b" },
	{ "GET / HTTP/1.1", HOST "Upgrade: websocket\r\n", "keep" },
	{ "GET / HTTP/1.1", HOST "Connection: upgrade\r\n", "keep" },
	{ "GET / HTTP/1.1", HOST "Connection: upgrade\r\nUpgrade:\r\n", "keep" },
	{ "GET / HTTP/1.1", HOST "Connection: upgrade\r\nUpgrade: h2c\r\n", "keep" },
	{ "GET / HTTP/1.1", HOST "Connection: upgrade\r\nUpgrade: websocket, H2C\r\n", "keep" },
	{ "GET / HTTP/1.1", HOST "Connection: upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n",
	  "keep upgrade=websocket" },
	{ "GET / HTTP/1.0", HOST "Connection: upgrade\r\nUpgrade: websocket\r\n", "" },
	{ "PUT / HTTP/1.1",
	  HOST "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n",
	  "keep upgrade=websocket" },
	{ "GET / HTTP/1.1",
	  HOST "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n",
	  "keep upgrade=websocket" },
	{ "POST / HTTP/1.1",
	  HOST "Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n",
	  "keep" },
	{ "PUT / HTTP/1.1",
	  HOST "Connection: upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n",
	  "keep upgrade=x" },
};

START_TEST(request_connections)
{
	struct request r;
	struct refusal refusal;

	ck_assert(check(&r, connections[_i].line, connections[_i].fields, &refusal));
	if (r.keep_alive)
		buf_cstr(&text, " keep");
	if (r.expect_continue)
		buf_cstr(&text, " expect");
	if (r.te_trailers)
		buf_cstr(&text, " trailers");
	if (r.upgrade.p != NULL)
		buf_printf(&text, " upgrade=%.*s", STR_ARG(r.upgrade));
	ck_assert_str_eq(buf_text(&text) + (text.n > 0), connections[_i].gives);
}
END_TEST

static const struct {
	enum method method;
	bool upgrade;
	const char *line, *fields;
	const char *gives;		/* NULL: refused */
} responses[] = {
	{ METHOD_GET, 0, "HTTP/1.1 200 OK", "Content-Length: 5\r\n", "length 5 keep" },
	{ METHOD_GET, 0, "HTTP/1.1 200 OK", "Transfer-Encoding: Chunked\r\n", "chunked keep" },
	{ METHOD_GET, 0, "HTTP/1.1 200 OK", "", "close" },
	{ METHOD_GET, 0, "HTTP/1.1 200 OK", "Connection: keep-alive\r\n", "close" },
	{ METHOD_GET, 0, "HTTP/1.1 200 OK", "Content-Length: 5\r\nConnection: close\r\n",
	  "length 5" },
	{ METHOD_GET, 0, "HTTP/1.0 200 OK", "Content-Length: 5\r\n", "length 5" },
	{ METHOD_GET, 0, "HTTP/1.0 200 OK", "Content-Length: 5\r\nConnection: keep-alive\r\n",
	  "length 5 keep" },
	{ METHOD_HEAD, 0, "HTTP/1.1 200 OK", "Content-Length: 5\r\n", "length 5 keep" },
	{ METHOD_HEAD, 0, "HTTP/1.1 200 OK", "", "none keep" },
	{ METHOD_GET, 0, "HTTP/1.1 304 x", "Content-Length: 5\r\n", "length 5 keep" },
	{ METHOD_GET, 0, "HTTP/1.1 304 x", "", "none keep" },
	{ METHOD_GET, 0, "HTTP/1.1 204 x", "", "none keep" },
	{ METHOD_GET, 0, "HTTP/1.1 204 x", "Content-Length: 5\r\n", "none" },
	{ METHOD_GET, 0, "HTTP/1.1 204 x", "Transfer-Encoding: chunked\r\n", "none" },
	{ METHOD_GET, 0, "HTTP/1.1 204 x", "Content-Length: x\r\n", NULL },
	{ METHOD_GET, 0, "HTTP/1.1 103 x", "Link: <a>\r\n", "none keep" },
	{ METHOD_GET, 0, "HTTP/1.1 100 x", "Content-Length: 5\r\n", NULL },
	{ METHOD_GET, 0, "HTTP/1.1 103 x", "Transfer-Encoding: chunked\r\n", NULL },
	{ METHOD_GET, 0, "HTTP/1.1 101 x", "Connection: upgrade\r\nUpgrade: websocket\r\n", NULL },
	{ METHOD_GET, 1, "HTTP/1.1 101 x", "Connection: Upgrade\r\nUpgrade: websocket\r\n",
	  "none keep" },
	{ METHOD_GET, 1, "HTTP/1.1 101 x", "Upgrade: websocket\r\n", NULL },
	{ METHOD_GET, 1, "HTTP/1.1 101 x", "Connection: upgrade\r\n", NULL },
	{ METHOD_GET, 0, "HTTP/1.1 200 OK", "Content-Length: 5\r\nContent-Length: 5\r\n", NULL },
	{ METHOD_GET, 0, "HTTP/1.1 200 OK",
	  "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", NULL },
	{ METHOD_GET, 0, "HTTP/1.1 200 OK", "Content-Length: 5, 5\r\n", NULL },
	{ METHOD_GET, 0, "HTTP/1.1 200 OK", "Content-Length: 9223372036854775808\r\n", NULL },
	{ METHOD_GET, 0, "HTTP/1.1 200 OK", "Transfer-Encoding: gzip\r\n", NULL },
	{ METHOD_GET, 0, "HTTP/1.1 200 OK", "Transfer-Encoding: gzip, chunked\r\n", NULL },
	{ METHOD_GET, 0, "HTTP/1.1 200 OK", "Transfer-Encoding: chunked, chunked\r\n", NULL },
	{ METHOD_GET, 0, "HTTP/1.0 200 OK", "Transfer-Encoding: chunked\r\n", NULL },
	{ METHOD_HEAD, 0, "HTTP/1.1 200 OK", "Transfer-Encoding: gzip\r\n", NULL },
	{ METHOD_GET, 0, "HTTP/1.1 200 OK", "Content-Length: 0\r\nKeep-Alive: max=9, Timeout=5\r\n",
	  "length 0 keep 5000" },
	{ METHOD_GET, 0, "HTTP/1.1 200 OK",
	  "Content-Length: 0\r\nKeep-Alive: timeout=99999999999\r\n",
	  "length 0 keep" },
	{ METHOD_GET, 0, "HTTP/1.1 200 OK", "Content-Length: 0\r\n" OPTIONS_64 "\r\n",
	  "length 0" },
	{ METHOD_GET, 0, "HTTP/1.1 200 OK", "Content-Length: 0\r\n" OPTIONS_64 ",g\r\n", NULL },
	{ METHOD_GET, 0, "HTTP/1.1 200 OK",
	  "Content-Length: 0\r\nKeep-Alive: timeout=-1,timeout=\r\n",
	  "length 0 keep" },
};

START_TEST(response_verdicts)
{
	struct request request = { .method_id = responses[_i].method };
	const char *head = arena_printf(&arena, "%s\r\n%s\r\n", responses[_i].line,
	    responses[_i].fields).p;
	struct response r = { 0 };
	struct refusal refusal = { 0 };
	struct h1_scan s;
	bool ok;

	if (responses[_i].upgrade)
		request.upgrade = STR_OF("websocket");
	scan(&s, head);
	ok = h1_parse_response(head, &s, &arena, &r, &refusal) &&
	    response_check(&r, &request, &refusal);
	ck_assert(ok == (responses[_i].gives != NULL));
	ck_assert_int_eq(refusal.status, ok ? 0 : 502);
	if (!ok)
		return;
	buf_cstr(&text, r.framing == FRAMING_NONE ? "none" : r.framing == FRAMING_CHUNKED ?
	    "chunked" : r.framing == FRAMING_CLOSE ? "close" : "length");
	if (r.framing == FRAMING_LENGTH)
		buf_printf(&text, " %llu", (unsigned long long)r.content_length);
	if (r.keep_alive)
		buf_cstr(&text, " keep");
	if (r.keep_alive_ms != 0)
		buf_printf(&text, " %lld", (long long)r.keep_alive_ms);
	ck_assert_str_eq(buf_text(&text), responses[_i].gives);
}
END_TEST

static const struct {
	const char *connection;
	const char *left;		/* of the fields below */
} strips[] = {
	{ "close", "Host X-A X-B Cookie Trailer X-Real-IP X-Forwarded-Port " },
	{ "keep-alive", "Host X-A X-B Cookie Trailer X-Real-IP X-Forwarded-Port " },
	{ "", "Host X-A X-B Cookie Trailer X-Real-IP X-Forwarded-Port " },
	{ "X-A", "Host X-B Cookie Trailer X-Real-IP X-Forwarded-Port " },
	{ "close,\tx-b ,, x-a", "Host Cookie Trailer X-Real-IP X-Forwarded-Port " },
	{ "Cookie", "Host X-A X-B Trailer X-Real-IP X-Forwarded-Port " },
	{ "Host, Content-Length, Transfer-Encoding, Connection",
	  "Host X-A X-B Cookie Trailer X-Real-IP X-Forwarded-Port " },
	{ "X-Real-IP, x-forwarded-port, X-A",
	  "Host X-B Cookie Trailer X-Real-IP X-Forwarded-Port " },
	{ "X-None; X-A", "Host X-A X-B Cookie Trailer X-Real-IP X-Forwarded-Port " },
};

START_TEST(hop_by_hop)
{
	static const char *const names[] = {
		"Host", "X-A", "Connection", "Content-Length", "Keep-Alive", "Proxy-Connection",
		"TE", "X-B", "Transfer-Encoding", "Upgrade", "HTTP2-Settings", "Cookie", "x-a",
		"Trailer", "X-Real-IP", "X-Forwarded-Port",
	};
	struct fields list;

	fields_init(&list, &arena);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		fields_add(&list, str_of(names[i]), STR_OF("x"));
	fields_remove_name(&list, STR_OF("x-a"));
	fields_add(&list, STR_OF("connection"), str_of(strips[_i].connection));
	list.v[1].gone = false;
	fields_strip_hop_by_hop(&list);
	FIELDS_EACH(f, &list)
		buf_printf(&text, "%.*s ", STR_ARG(f->name));
	ck_assert_str_eq(buf_text(&text), strips[_i].left);
}
END_TEST

START_TEST(methods)
{
	ck_assert_int_eq(method_lookup(STR_OF("GET")), METHOD_GET);
	ck_assert_int_eq(method_lookup(STR_OF("TRACE")), METHOD_TRACE);
	ck_assert_int_eq(method_lookup(STR_OF("get")), METHOD_OTHER);
	ck_assert_int_eq(method_lookup(STR_OF("")), METHOD_OTHER);
	ck_assert(method_is_idempotent(METHOD_PUT) && method_is_idempotent(METHOD_OPTIONS));
	ck_assert(!method_is_idempotent(METHOD_POST) && !method_is_idempotent(METHOD_PATCH) &&
	    !method_is_idempotent(METHOD_OTHER));
}
END_TEST

START_TEST(statuses)
{
	ck_assert(str_eq(status_reason(404), STR_OF("Not Found")));
	ck_assert(str_eq(status_reason(299), STR_OF("Unknown")));
	ck_assert(response_has_no_body(100, METHOD_GET) && response_has_no_body(204, METHOD_GET) &&
	    response_has_no_body(304, METHOD_GET) && response_has_no_body(200, METHOD_HEAD));
	ck_assert(!response_has_no_body(200, METHOD_GET) && !response_has_no_body(205, METHOD_GET));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("message");
	TCase *tc = tcase_create("message");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, request_verdicts, 0, ARRAY_LEN(requests));
	tcase_add_loop_test(tc, request_hosts, 0, ARRAY_LEN(hosts));
	tcase_add_loop_test(tc, request_connections, 0, ARRAY_LEN(connections));
	tcase_add_loop_test(tc, response_verdicts, 0, ARRAY_LEN(responses));
	tcase_add_loop_test(tc, hop_by_hop, 0, ARRAY_LEN(strips));
	tcase_add_test(tc, methods);
	tcase_add_test(tc, statuses);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
