/* template.c and variables.c: text with variables. */

#include "unit.h"

#include <stdio.h>

#include "fixture.h"
#include "proxy/text/template.h"
#include "proxy/text/variables.h"

static struct fixture f;
static struct conf_errors *errors;
static char error_line[512];

static void
setup(void)
{
	fixture_init(&f);
	errors = conf_errors_new();
}

static void
teardown(void)
{
	conf_errors_free(errors);
	fixture_fini(&f);
}

static void
keep_error(void *arg, bool is_error, const char *line)
{
	(void)arg;
	(void)is_error;
	snprintf(error_line, sizeof(error_line), "%s", line);
}

static const char *
expand(const char *text, enum template_escape escape)
{
	static char out[4096];
	struct template *t = template_new(str_of(text), errors,
	    (struct conf_origin){ "f", 1 }, "x");
	struct buf b = { NULL, 0, 0 };

	ck_assert_ptr_nonnull(t);
	template_write(t, &f.x, escape, SIZE_MAX, &b);
	snprintf(out, sizeof(out), "%s", buf_text(&b));
	buf_fini(&b);
	template_free(t);
	return out;
}

static const struct {
	const char *text;
	const char *gives;
} plain[] = {
	{ "", "" },
	{ "text", "text" },
	{ "$$5 and $$$$", "$5 and $$" },
	{ "$remote_addr:$remote_port", "192.0.2.1:5555" },
	{ "${remote_addr}x", "192.0.2.1x" },
	{ "$peer_addr", "10.9.8.7" },
	{ "[$server_addr]:$server_port", "[2001:db8::1]:8080" },
	{ "$scheme://$host$request_uri", "http://shop.example.com/a%20b?x=1&y=two" },
	{ "$request", "GET /a%20b?x=1&y=two HTTP/1.1" },
	{ "$request_method $uri?$args", "GET /a b?x=1&y=two" },
	{ "$arg_x$arg_y$arg_none", "1two" },
	{ "$cookie_b-$cookie_none", "2-" },
	{ "$http_x_one $http_none", "first " },
	{ "$host_name $route $backend $worker", "shop all app 3" },
	{ "$listen|$server_protocol", "web|HTTP/1.1" },
	{ "$status $body_bytes_sent $bytes_received $request_length", "200 1234 321 321" },
	{ "$request_id", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
	{ "$sent_http_content_length $sent_http_x_out", "1234 yes" },
	{ "$upstream_http_server $upstream_http_x_out", "origin yes" },
	{ "$tries $upstream_addr", "2 10.0.0.1:80, 10.0.0.2:80" },
	{ "$upstream_status", "-, 200" },
	{ "$upstream_response_time", "0.001, 0.010" },
	{ "$upstream_connect_time", "-, 0.002" },
	{ "<$why>", "<>" },
};

START_TEST(values)
{
	fixture_attempts(&f);
	fixture_field(&f, "X-One", "first");
	fixture_field(&f, "X-One", "second");
	fixture_field(&f, "Cookie", "a=1; b=2");
	fields_add(&f.response.fields, STR_OF("X-Out"), STR_OF("yes"));
	fields_add(&f.response.fields, STR_OF("Server"), STR_OF("origin"))->gone = true;
	f.response.framing = FRAMING_LENGTH;
	f.response.content_length = 1234;
	f.x.response = &f.response;
	f.x.upstream_response = &f.response;
	ck_assert_str_eq(expand(plain[_i].text, ESCAPE_NONE), plain[_i].gives);
}
END_TEST

/* The request began 12 ms ago, or longer on a busy machine. */
START_TEST(time_so_far)
{
	const char *text = expand("$request_time", ESCAPE_NONE);

	ck_assert_double_ge(strtod(text, NULL), 0.012);
	ck_assert_uint_eq(strspn(text, "0123456789."), strlen(text));
	ck_assert_uint_eq(strlen(strchr(text, '.')), 4);
}
END_TEST

/* An exchange that came no further than a bad request. */
START_TEST(nothing_known)
{
	struct request none = { .minor = 0 };

	f.stream.request = none;
	fields_init(&f.stream.request.fields, &f.stream.arena);
	f.x.host = NULL;
	f.x.route = NULL;
	f.x.backend = NULL;
	f.x.request_id = str_of(NULL);
	f.x.why = "bad-request";
	f.x.status = 0;
	ck_assert_str_eq(expand("$request $uri $args $host $host_name $route $backend $request_id "
	    "$upstream_addr $http_a $arg_a $cookie_a $sent_http_a $upstream_http_a $status $why",
	    ESCAPE_LOG), "- - - - - - - - - - - - - - 0 bad-request");
}
END_TEST

START_TEST(escapes)
{
	fixture_field(&f, "A", "\x01 \"q\" \\ \xff~\x7f\r\n");
	ck_assert_str_eq(expand("\"$http_a\"", ESCAPE_LOG),
	    "\"\\x01 \\x22q\\x22 \\x5c \\xff~\\x7f\\x0d\\x0a\"");
	ck_assert_str_eq(expand("\"$http_a\"", ESCAPE_JSON),
	    "\"\\u0001 \\\"q\\\" \\\\ \xef\xbf\xbd~\x7f\\r\\n\"");
	ck_assert_str_eq(expand("$http_a", ESCAPE_NONE), " \"q\" \\ \xff~");
}
END_TEST

START_TEST(long_values)
{
	struct template *t = template_new(STR_OF("$uri|$status"), errors,
	    (struct conf_origin){ "f", 1 }, "x");
	struct buf b = { NULL, 0, 0 };

	f.stream.request.path = STR_OF("/0123456789");
	template_write(t, &f.x, ESCAPE_LOG, 4, &b);
	ck_assert_str_eq(buf_text(&b), "/012...|200");
	buf_fini(&b);
	template_free(t);
}
END_TEST

START_TEST(constants)
{
	struct template *t = template_new(STR_OF("costs $$5"), errors,
	    (struct conf_origin){ "f", 1 }, "x");
	struct str a, b;

	ck_assert(template_is_constant(t));
	a = template_eval(t, &f.x, &f.stream.arena);
	b = template_eval(t, &f.x, &f.stream.arena);
	ck_assert(str_eq(a, STR_OF("costs $5")));
	ck_assert_ptr_eq(a.p, b.p);
	template_free(t);
	t = template_new(STR_OF("$uri"), errors, (struct conf_origin){ "f", 1 }, "x");
	ck_assert(!template_is_constant(t));
	ck_assert(str_eq(template_eval(t, &f.x, &f.stream.arena), STR_OF("/a b")));
	template_free(t);
}
END_TEST

#define LONE_DOLLAR \
	"f:7: [log a] format: a $ without the name of a variable (write $$ for a dollar)"

static const struct {
	const char *text;
	const char *error;
} wrong[] = {
	{ "$remote_adr", "f:7: [log a] format: $remote_adr: unknown variable "
	    "(did you mean $remote_addr?)" },
	{ "a$nothing_like_it", "f:7: [log a] format: $nothing_like_it: unknown variable" },
	{ "$http_", "f:7: [log a] format: $http_: unknown variable" },
	{ "${uri", "f:7: [log a] format: ${uri without its closing brace" },
	{ "100$", LONE_DOLLAR },
	{ "$0", LONE_DOLLAR },
	{ "$5", "f:7: [log a] format: $5: there is no pattern with such a group (write $$ for a"
	    " dollar)" },
	{ "${}", LONE_DOLLAR },
};

START_TEST(errors_name_the_place)
{
	ck_assert_ptr_null(template_new(str_of(wrong[_i].text), errors,
	    (struct conf_origin){ "f", 7 }, "[log a] format"));
	ck_assert_uint_eq(conf_errors_count(errors), 1);
	conf_errors_each(errors, keep_error, NULL);
	ck_assert_str_eq(error_line, wrong[_i].error);
}
END_TEST

static const struct {
	const char *text;
	bool whole;
	const char *gives;
} uris[] = {
	/* The host, the path, the query: each holds other bytes. */
	{ "https://b.test/x", true, "https://b.test/x" },
	{ "https://b.test/a b\xc3\xa4<>\"", true, "https://b.test/a%20b%C3%A4%3C%3E%22" },
	{ "https://$host$request_uri", true, "https://shop.example.com/a%20b?x=1&y=two" },
	{ "https://$host$uri?$args", true, "https://shop.example.com/a%20b?x=1&y=two" },
	{ "https://$host$uri?u=$uri", true, "https://shop.example.com/a%20b?u=/a%20b" },
	{ "https://$http_six/", true, "https://[::1]:8080/" },
	{ "/$http_six", true, "/%5B::1%5D:8080" },
	{ "/x?a=$http_six", true, "/x?a=%5B::1%5D:8080" },
	{ "/x?a=$http_odd&b=1", true, "/x?a=a%26b%3Dc%23d%25e?f%2Bg/h%0D%0A&b=1" },
	{ "/$http_odd", true, "/a&b=c%23d%25e%3Ff+g/h%0D%0A" },
	{ "/$http_odd", false, "/a&b=c%23d%25e%3Ff+g/h%0D%0A" },
	{ "$http_odd", true, "a&b=c#d%e?f+g/h%0D%0A" },
	{ "$http_odd", false, "a&b=c%23d%25e%3Ff+g/h%0D%0A" },
	{ "$http_url", true, "https://b.test/x?y=1&z=%20" },
	{ "/go?to=$http_url", true, "/go?to=https://b.test/x?y%3D1%26z%3D%2520" },
	{ "$request_uri", true, "/a%20b?x=1&y=two" },
	{ "$request_uri", false, "/a%20b%3Fx=1&y=two" },
	{ "/p$request_uri", true, "/p/a%20b?x=1&y=two" },
	{ "/p?$args", false, "/p?x=1&y=two" },
	{ "/p?$args", true, "/p?x=1&y=two" },
	{ "//$host/x", true, "//shop.example.com/x" },
	{ "$scheme://$host:$server_port/", true, "http://shop.example.com:8080/" },
	{ "$arg_none", true, "" },
};

START_TEST(in_uris)
{
	struct template *t = template_new(str_of(uris[_i].text), errors,
	    (struct conf_origin){ "f", 1 }, "x");
	struct buf b = { NULL, 0, 0 };

	ck_assert_ptr_nonnull(t);
	fixture_field(&f, "Six", "[::1]:8080");
	fixture_field(&f, "Odd", "a&b=c#d%e?f+g/h\r\n");
	fixture_field(&f, "Url", "https://b.test/x?y=1&z=%20");
	template_write_uri(t, &f.x, uris[_i].whole, &b);
	ck_assert_str_eq(buf_text(&b), uris[_i].gives);
	buf_fini(&b);
	template_free(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("template");
	TCase *c = tcase_create("template");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, values, 0, ARRAY_LEN(plain));
	tcase_add_test(c, time_so_far);
	tcase_add_test(c, nothing_known);
	tcase_add_test(c, escapes);
	tcase_add_test(c, long_values);
	tcase_add_loop_test(c, in_uris, 0, ARRAY_LEN(uris));
	tcase_add_test(c, constants);
	tcase_add_loop_test(c, errors_name_the_place, 0, ARRAY_LEN(wrong));
	suite_add_tcase(s, c);
	return unit_run(s);
}
