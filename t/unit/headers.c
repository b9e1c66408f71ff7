/* headers.c: what [headers] sections make of the fields of messages. */

#include "conf_text.h"
#include "unit.h"

#include <stdio.h>

#include "base/check.h"
#include "fixture.h"
#include "net/tls_server.h"
#include "proxy/filter/filter.h"
#include "proxy/filter/headers.h"

/* Fields are written as `Name: value|Name: value`, in their order. */

static void
put_fields(struct fields *fields, const char *text)
{
	struct str rest = str_of(text), line, name;

	while (str_cut(&rest, '|', &line)) {
		struct str value = line;

		if (line.n == 0)
			continue;
		str_cut(&value, ':', &name);
		fields_add(fields, name, str_trim(value));
	}
}

static const char *
text_of(const struct fields *fields)
{
	static char out[2048];
	size_t n = 0;

	out[0] = '\0';
	FIELDS_EACH(f, fields)
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%.*s: %.*s", n > 0 ? "|" : "",
		    STR_ARG(f->name), STR_ARG(f->value));
	return out;
}

/* The route `all` under a section `h` with the given lines. */
struct setting {
	struct fixture f;
	struct loaded loaded;
	struct conf_errors *errors;
	struct headers *headers;
};

static void
setting_init(struct setting *s, const char *config)
{
	fixture_init(&s->f);
	s->loaded = conf_text_load(str_of(config));
	ck_assert_str_eq(s->loaded.messages.p, "");
	s->errors = conf_errors_new();
	s->headers = headers_new(s->loaded.s, NULL, s->errors);
	ck_assert_uint_eq(conf_errors_count(s->errors), 0);
	s->f.x.conf = s->loaded.s->routes[0];
	s->f.x.policy = s->f.x.conf->policy;
	s->f.runtime.headers = s->headers;
}

static void
setting_fini(struct setting *s)
{
	headers_free(s->headers);
	conf_errors_free(s->errors);
	conf_text_free(&s->loaded);
	fixture_fini(&s->f);
}

static const struct {
	const char *lines;		/* of the section; with request_ for both ways */
	const char *before;
	const char *after;
} cases[] = {
	/* Set. */
	{ "set = X-A: 1", "", "X-A: 1" },
	{ "set = X-A: 1", "X-A: 2", "X-A: 1" },
	{ "set = X-A: 1", "x-a: 2|X-B: 3|X-a: 4", "X-B: 3|X-A: 1" },
	{ "set = X-A:1", "X-A: 2", "X-A: 1" },
	{ "set = X-A:   a  b  ", "", "X-A: a  b" },
	{ "set = X-A: a:b;c=\"d\"", "", "X-A: a:b;c=\"d\"" },
	{ "set = X-A: 1\nset = X-B: 2", "", "X-A: 1|X-B: 2" },
	{ "set = X-A: 1\nset = X-A: 2", "", "X-A: 2" },
	{ "set = X-A: 1", "X-AB: 2", "X-AB: 2|X-A: 1" },
	/* An empty value removes. */
	{ "set = X-A:", "X-A: 2|X-B: 3", "X-B: 3" },
	{ "set = X-A:", "X-B: 3", "X-B: 3" },
	{ "set = X-A: $arg_none", "X-A: 2", "" },
	{ "set = X-A: $arg_none$cookie_none", "X-A: 2|x-a: 3", "" },
	{ "set = X-A: [$arg_none]", "X-A: 2", "X-A: []" },
	{ "set = X-A: $http_blank", "X-A: 2", "" },
	{ "add = X-A:", "X-A: 2", "X-A: 2" },
	{ "add = X-A: $arg_none", "X-A: 2", "X-A: 2" },
	/* Add. */
	{ "add = X-A: 1", "", "X-A: 1" },
	{ "add = X-A: 1", "X-A: 2", "X-A: 2|X-A: 1" },
	{ "add = X-A: 1\nadd = X-A: 1", "", "X-A: 1|X-A: 1" },
	{ "add = x-a: 1", "X-A: 2", "X-A: 2|x-a: 1" },
	/* Remove. */
	{ "remove = X-A", "X-A: 1", "" },
	{ "remove = X-A", "x-a: 1|X-B: 2|X-A: 3", "X-B: 2" },
	{ "remove = X-A", "X-AA: 1", "X-AA: 1" },
	{ "remove = X-A X-B", "X-A: 1|X-B: 2|X-C: 3", "X-C: 3" },
	{ "remove = X-A\nremove = X-B", "X-A: 1|X-B: 2|X-C: 3", "X-C: 3" },
	{ "remove = X-None", "X-A: 1", "X-A: 1" },
	/* Removing by the beginning of names. */
	{ "remove = X-Internal-*", "X-Internal-A: 1|x-internal-b: 2|X-Intern: 3", "X-Intern: 3" },
	{ "remove = X-Internal-*", "X-Internal-: 1|X-Internal: 2", "X-Internal: 2" },
	{ "remove = X-*", "X: 1|X-A: 2|Y-X-: 3", "X: 1|Y-X-: 3" },
	{ "remove = S*", "Server: 1|Set-Cookie: a=b|X-S: 1", "X-S: 1" },
	{ "remove = H*", "Host: a.test|HTTP: 1", "Host: a.test" },
	{ "remove = C*", "Connection: TE|Cookie: a=b|Content-Type: c", "Connection: TE" },
	{ "remove = U*", "Upgrade: websocket|User-Agent: c", "Upgrade: websocket" },
	{ "remove = T*", "TE: trailers|Transfer-Encoding: x|Tag: 1",
	    "TE: trailers|Transfer-Encoding: x" },
	{ "remove = Sec-*", "Sec-Fetch-Mode: cors|sec-websocket-key: x|Sec-CH-UA: y",
	    "sec-websocket-key: x" },
	{ "remove = Sec-WebSocket-Key", "Sec-WebSocket-Key: x", "" },
	{ "remove = E*", "Expect: 100-continue|ETag: 1", "Expect: 100-continue" },
	/* The order: remove, set, add, however they are written. */
	{ "add = X-A: 3\nset = X-A: 2\nremove = X-A", "X-A: 1", "X-A: 2|X-A: 3" },
	{ "add = X-A: 3\nremove = X-*", "X-A: 1|X-B: 2", "X-A: 3" },
	{ "set = X-A: 1\nremove = X-A", "", "X-A: 1" },
	{ "set = X-A:\nadd = X-A: 2", "X-A: 1", "X-A: 2" },
	/* Variables. */
	{ "set = X-A: $request_method $uri", "", "X-A: GET /a b" },
	{ "set = X-A: $request_uri", "", "X-A: /a%20b?x=1&y=two" },
	{ "set = X-A: ${arg_y}s", "", "X-A: twos" },
	{ "set = X-A: $remote_addr", "", "X-A: 192.0.2.1" },
	{ "set = X-A: $host_name/$route", "", "X-A: shop/all" },
	{ "set = X-A: $http_x_one", "", "X-A: one" },
	{ "set = X-A: $cookie_b", "", "X-A: 2" },
	{ "set = X-A: $scheme://$host", "", "X-A: http://shop.example.com" },
	{ "set = X-A: $$5", "", "X-A: $5" },
	{ "set = X-A: $request_id", "", "X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
	/* Nothing that a value holds begins another field. */
	{ "set = X-A: $http_evil", "", "X-A: aSet-Cookie: x=yb" },
	{ "add = X-A: $http_evil", "", "X-A: aSet-Cookie: x=yb" },
	{ "set = X-A: $uri$http_nul", "", "X-A: /a bcd" },
	{ "set = X-A: $http_blank$http_tab", "", "X-A: a\tb" },
	/* Names that usherd itself knows. */
	{ "set = Cookie: a=b", "Cookie: c=d", "Cookie: a=b" },
	{ "set = content-type: text/x", "Content-Type: text/y|A: b", "A: b|content-type: text/x" },
	{ "remove = authorization", "Authorization: x|Proxy-Authorization: y",
	    "Proxy-Authorization: y" },
	{ "remove = Via Server", "Via: 1|Server: 2|Date: 3", "Date: 3" },
	{ "add = Set-Cookie: c=d", "Set-Cookie: a=b", "Set-Cookie: a=b|Set-Cookie: c=d" },
	{ "set = Cache-Control: no-store", "cache-control: private|Cache-Control: x",
	    "Cache-Control: no-store" },
	{ "remove = X-A*\nset = X-AA: 1", "X-A: 1|X-AB: 2", "X-AA: 1" },
};

static void
run_case(int i, const char *way)
{
	char config[1024];
	struct setting s;
	struct fields fields;
	struct str rest = str_of(cases[i].lines), line;
	size_t n = (size_t)snprintf(config, sizeof(config), "[headers h]\n");

	while (str_cut(&rest, '\n', &line))
		n += (size_t)snprintf(config + n, sizeof(config) - n, "%s_%.*s\n", way,
		    STR_ARG(line));
	snprintf(config + n, sizeof(config) - n, "[listen web]\nbind = 80\n[route all]\npath = /*\n"
	    "backend = app\nheaders = h\n[backend app]\nserver = 127.0.0.1:3000\n");
	setting_init(&s, config);
	fixture_field(&s.f, "X-One", "one");
	fixture_field(&s.f, "Cookie", "a=1; b=2");
	fixture_field(&s.f, "Blank", " \t ");
	fixture_field(&s.f, "Tab", "a\tb");
	fixture_field(&s.f, "Evil", "a\r\nSet-Cookie: x=y\n\rb");
	fields_add(&s.f.stream.request.fields, STR_OF("Nul"), str_make("c\0\x7f\x1f" "d", 5));
	fields_init(&fields, &s.f.stream.arena);
	put_fields(&fields, cases[i].before);
	if (way[2] == 'q')
		headers_request(s.headers, &s.f.x, &fields);
	else
		headers_response(s.headers, &s.f.x, &fields);
	ck_assert_str_eq(text_of(&fields), cases[i].after);
	setting_fini(&s);
}

START_TEST(of_requests)
{
	run_case(_i, "request");
}
END_TEST

START_TEST(of_responses)
{
	run_case(_i, "response");
}
END_TEST

/* Sections of all layers are applied, the general ones first. */
START_TEST(layers)
{
	struct setting s;
	struct fields fields;

	setting_init(&s, "[defaults]\nheaders = d\n"
	    "[headers d]\nresponse_set = X-A: d\nresponse_add = X-L: d\n"
	    "[headers h]\nresponse_set = X-A: h\nresponse_add = X-L: h\n"
	    "[headers r]\nresponse_set = X-A: r\nresponse_add = X-L: r\n"
	    "[headers s]\nresponse_add = X-L: s\n"
	    "[listen web]\nbind = 80\n[host shop]\nnames = shop.test\nheaders = h\n"
	    "[route all]\nhost = shop\npath = /*\nrespond = 200\nheaders = r s\n");
	fields_init(&fields, &s.f.stream.arena);
	headers_response(s.headers, &s.f.x, &fields);
	ck_assert_str_eq(text_of(&fields), "X-L: d|X-L: h|X-A: r|X-L: r|X-L: s");
	setting_fini(&s);
}
END_TEST

/* What `preset = security` says, and what becomes of it. */
static const struct {
	const char *lines;
	const char *scheme;
	const char *before;
	const char *after;
} presets[] = {
	{ "", "http", "", "X-Content-Type-Options: nosniff|X-Frame-Options: SAMEORIGIN|"
	    "Referrer-Policy: strict-origin-when-cross-origin|"
	    "Permissions-Policy: camera=(), geolocation=(), microphone=()" },
	{ "response_remove = X-* Permissions-Policy", "https", "",
	    "Strict-Transport-Security: max-age=31536000|"
	    "Referrer-Policy: strict-origin-when-cross-origin" },
	{ "response_remove = P* R* X-F*", "http", "Strict-Transport-Security: max-age=1",
	    "X-Content-Type-Options: nosniff" },
	{ "response_set = X-Frame-Options: DENY\nresponse_remove = P* R*", "http", "",
	    "X-Content-Type-Options: nosniff|X-Frame-Options: DENY" },
	{ "response_set = X-Frame-Options:\nresponse_remove = P* R*", "http", "",
	    "X-Content-Type-Options: nosniff" },
	{ "response_set = Strict-Transport-Security: max-age=60\nresponse_remove = P* R* X*",
	    "https", "", "Strict-Transport-Security: max-age=60" },
	{ "response_remove = P* R*", "http", "X-Frame-Options: DENY",
	    "X-Frame-Options: DENY|X-Content-Type-Options: nosniff" },
};

START_TEST(security)
{
	struct setting s;
	struct filter_node node;
	struct response *r = &s.f.response;
	char config[512];

	snprintf(config, sizeof(config), "[headers h]\npreset = security\n%s\n[listen web]\n"
	    "bind = 80\n[route all]\npath = /*\nrespond = 200\nheaders = h\n", presets[_i].lines);
	setting_init(&s, config);
	s.f.x.scheme = str_of(presets[_i].scheme);
	r->status = 200;
	put_fields(&r->fields, presets[_i].before);
	filter_security.setup(&s.f.x, r, &node);
	filter_headers.setup(&s.f.x, r, &node);
	ck_assert_str_eq(text_of(&r->fields), presets[_i].after);
	setting_fini(&s);
}
END_TEST

#define EVIL	"e\r\nX-Evil: 1\r\n\r\n<\0\v\f\x1b\x7f>"

static const char *const variables[] = {
	"args", "arg_x", "backend", "body_bytes_sent", "bytes_received", "cookie_x", "host",
	"host_name", "http_evil", "msec", "peer_addr", "remote_addr", "remote_port", "request",
	"request_id", "request_length", "request_method", "request_time", "request_uri", "route",
	"scheme", "sent_http_evil", "server_addr", "server_port", "ssl_cipher",
	"ssl_client_fingerprint", "ssl_client_s_dn", "ssl_client_serial", "ssl_client_verify",
	"ssl_protocol", "ssl_server_name", "status", "time_iso8601", "time_local", "tries",
	"upstream_addr", "upstream_connect_time", "upstream_http_evil", "upstream_response_time",
	"upstream_status", "uri", "why", "worker",
};

/* Whatever variables are made of, one line stays one line. */
START_TEST(one_line_stays_one)
{
	struct str evil = STR_OF(EVIL);
	struct tls_info tls = { .protocol = evil, .cipher = evil, .server_name = evil,
		.client_subject = evil, .client_fingerprint = evil, .client_serial = evil,
		.client_verify = "e\r\nX-Evil: 1" };
	char config[256];
	struct setting s;
	struct fields fields;
	struct request *r = &s.f.stream.request;

	snprintf(config, sizeof(config), "[headers h]\nresponse_set = X: $%s\n[listen web]\n"
	    "bind = 80\n[route all]\npath = /*\nrespond = 200\nheaders = h\n", variables[_i]);
	setting_init(&s, config);
	fixture_attempts(&s.f);
	s.f.attempts[0].addr = s.f.attempts[1].addr = evil;
	r->method = r->raw_target = r->path = r->host = evil;
	r->target.query = STR_OF("x=" EVIL);
	fields_add(&r->fields, STR_OF("Evil"), evil);
	fields_add(&r->fields, STR_OF("Cookie"), STR_OF("x=" EVIL));
	fields_add(&s.f.response.fields, STR_OF("Evil"), evil);
	s.f.x.response = &s.f.response;
	s.f.x.upstream_response = &s.f.response;
	s.f.x.scheme = s.f.x.request_id = evil;
	s.f.x.why = "e\r\nX-Evil: 1";
	s.f.host.name = s.f.backend.name = evil;
	s.f.peer.tls = &tls;
	fields_init(&fields, &s.f.stream.arena);
	headers_response(s.headers, &s.f.x, &fields);
	ck_assert_uint_eq(fields.n, 1);
	ck_assert_uint_gt(fields.v[0].value.n, 0);
	ck_assert(str_all(fields.v[0].value, CHAR_VALUE));
	setting_fini(&s);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("headers");
	TCase *tc = tcase_create("headers");

	tcase_add_loop_test(tc, of_requests, 0, ARRAY_LEN(cases));
	tcase_add_loop_test(tc, of_responses, 0, ARRAY_LEN(cases));
	tcase_add_test(tc, layers);
	tcase_add_loop_test(tc, one_line_stays_one, 0, ARRAY_LEN(variables));
	tcase_add_loop_test(tc, security, 0, ARRAY_LEN(presets));
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
