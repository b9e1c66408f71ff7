/* Values: units, ranges, words, and what their errors say. */

#include "conf_text.h"
#include "unit.h"

/* A line in [defaults], and the number it gives or the error that it is. */
struct number {
	const char *line;
	int64_t value;		/* -1: an error */
	const char *error;	/* behind "text:2: [defaults] " */
};

static const struct number durations[] = {
	{ "500ms", 500, NULL },
	{ "30s", 30000, NULL },
	{ "5m", 300000, NULL },
	{ "12h", 43200000, NULL },
	{ "7d", 604800000, NULL },
	{ "365d", INT64_C(31536000000), NULL },
	{ "off", CONF_OFF, NULL },
	{ "30", -1, "\"30\" has no unit (use 30s or 30000ms)" },
	{ "1.5s", -1, "\"1.5s\" is no duration (use a number and ms, s, m, h or d: 30s, or off)" },
	{ "s", -1, "\"s\" is no duration (use a number and ms, s, m, h or d: 30s, or off)" },
	{ "5 s", -1, "\"5 s\" is no duration (use a number and ms, s, m, h or d: 30s, or off)" },
	{ "-1s", -1, "\"-1s\" is no duration (use a number and ms, s, m, h or d: 30s, or off)" },
	{ "0s", -1, "\"0s\" is too small (at least 1ms, or off)" },
	{ "366d", -1, "\"366d\" is too big (at most 365d, or off)" },
	{ "99999999999999999999d", -1, "\"99999999999999999999d\" is too big (at most 365d, or"
	    " off)" },
};

static const struct number sizes[] = {
	{ "0", 0, NULL },
	{ "100", 100, NULL },
	{ "1k", 1024, NULL },
	{ "16M", 16777216, NULL },
	{ "2g", INT64_C(2147483648), NULL },
	{ "off", CONF_OFF, NULL },
	{ "1kb", -1, "\"1kb\" is no size (use bytes, or a number and k, m or g: 16m, or off)" },
	{ "k", -1, "\"k\" is no size (use bytes, or a number and k, m or g: 16m, or off)" },
	{ "9999999999g", -1, "\"9999999999g\" is too big (at most 1048576g, or off)" },
};

static const struct number rates[] = {
	{ "256/s", 256, NULL },
	{ "1k/s", 1024, NULL },
	{ "600/m", 10, NULL },
	{ "1/h", 1, NULL },
	{ "off", CONF_OFF, NULL },
	{ "256", -1, "\"256\" is no rate (use N/s, N/m or N/h: 256/s, or off)" },
	{ "256/d", -1, "\"256/d\" is no rate (use N/s, N/m or N/h: 256/s, or off)" },
	{ "0/s", -1, "\"0/s\" is too small (at least 1/s, or off)" },
};

static int64_t
read_timeout(const struct conf_snapshot *s)
{
	return s->fallback->policy->read_timeout_ms;
}

static int64_t
max_body(const struct conf_snapshot *s)
{
	return s->fallback->policy->max_body;
}

static int64_t
body_min_rate(const struct conf_snapshot *s)
{
	return s->fallback->policy->body_min_rate;
}

static void
ck_numbers(const char *key, const struct number *n, size_t count,
    int64_t (*get)(const struct conf_snapshot *))
{
	for (size_t i = 0; i < count; i++) {
		struct buf text, wanted;
		struct loaded l;

		buf_init(&text);
		buf_init(&wanted);
		buf_printf(&text, "[defaults]\n%s = %s\n" REST, key, n[i].line);
		if (n[i].error != NULL)
			buf_printf(&wanted, "text:2: [defaults] %s: %s\n", key, n[i].error);
		l = conf_text_load(buf_view(&text));
		ck_assert_str_eq(l.messages.p, buf_text(&wanted));
		if (n[i].error == NULL)
			ck_assert_int_eq(get(l.s), n[i].value);
		conf_text_free(&l);
		buf_fini(&text);
		buf_fini(&wanted);
	}
}

START_TEST(numbers)
{
	ck_numbers("read_timeout", durations, ARRAY_LEN(durations), read_timeout);
	ck_numbers("max_body", sizes, ARRAY_LEN(sizes), max_body);
	ck_numbers("body_min_rate", rates, ARRAY_LEN(rates), body_min_rate);
}
END_TEST

START_TEST(switches_and_choices)
{
	struct loaded l = conf_text_load(STR_OF("[global]\nworker_cpu_affinity = yes\n"
	    "worker_priority = -7\n[defaults]\nvia = true\nhide_server = no\nwebsocket = off\n"
	    "header_names = any\nforwarded_headers = both\n" REST));

	ck_assert_str_eq(l.messages.p, "");
	ck_assert(l.s->global.worker_cpu_affinity);
	ck_assert_int_eq(l.s->global.worker_priority, -7);
	ck_assert(l.s->routes[0]->policy->via && !l.s->routes[0]->policy->hide_server);
	ck_assert(!l.s->routes[0]->policy->websocket);
	ck_assert(l.s->listens[0]->header_names_any);
	ck_assert_int_eq(l.s->routes[0]->policy->forwarded_headers, FORWARDED_BOTH);
	conf_text_free(&l);
	ck_messages(STR_OF("[global]\nlog_level = warning\nworker_cpu_affinity = maybe\n"
	    "worker_priority = 20\nworkers = 129\nmax_connections = off\n" REST),
	    "text:2: [global] log_level: \"warning\" is not one of error, warn, notice, info,"
	    " debug (did you mean warn?)\n"
	    "text:3: [global] worker_cpu_affinity: \"maybe\" is neither on nor off (use on, yes,"
	    " true, off, no or false)\n"
	    "text:4: [global] worker_priority: \"20\" is too big (at most 19)\n"
	    "text:5: [global] workers: \"129\" is too big (at most 128)\n"
	    "text:6: [global] max_connections: \"off\" is no number (use digits)\n");
}
END_TEST

START_TEST(global_defaults)
{
	struct loaded l = conf_text_load(STR_OF(REST));
	const struct conf_global *g = &l.s->global;

	ck_assert_str_eq(l.messages.p, "");
	ck_assert_uint_ge(g->workers, 1);
	ck_assert_ptr_null(g->user.p);
	ck_assert(str_ends(g->pid_file, STR_OF("/usherd.pid")));
	ck_assert_int_eq(g->error_log, LOG_TARGET_FILE);
	ck_assert(str_ends(g->error_log_path, STR_OF("/usherd.error.log")));
	ck_assert_int_eq(g->log_level, LOG_LEVEL_NOTICE);
	ck_assert_uint_eq(g->max_connections, 10000);
	ck_assert_int_eq(g->shutdown_timeout_ms, 30000);
	ck_assert_int_eq(g->drain_timeout_ms, 3600000);
	ck_assert(!l.s->admin.present);
	conf_text_free(&l);
}
END_TEST

START_TEST(servers)
{
	struct loaded l = conf_text_load(STR_OF("[listen web]\nbind = 8080\n[route all]\nbackend ="
	    " a\n"
	    "[backend a]\nserver = http://App.internal weight=3 max_conns=9 backup\n"
	    "server = [2001:db8::1]:8080 down\nserver = unix:/run/a.sock\nserver ="
	    " http://10.0.0.1:80/\n"));
	const struct conf_server *v;

	ck_assert_str_eq(l.messages.p, "");
	v = l.s->backends[0]->servers;
	ck_assert_uint_eq(l.s->backends[0]->nservers, 4);
	ck_assert_str_eq(v[0].host.p, "app.internal");
	ck_assert_str_eq(v[0].host_field.p, "app.internal");
	ck_assert_str_eq(v[0].text.p, "http://App.internal");
	ck_assert_uint_eq(v[0].port, 80);
	ck_assert_uint_eq(v[0].weight, 3);
	ck_assert_int_eq(v[0].max_conns, 9);
	ck_assert(v[0].backup && !v[0].down && v[1].down);
	ck_assert_str_eq(v[1].host.p, "2001:db8::1");
	ck_assert_str_eq(v[1].host_field.p, "[2001:db8::1]:8080");
	ck_assert_int_eq(v[1].max_conns, CONF_OFF);
	ck_assert_str_eq(v[2].host.p, "/run/a.sock");
	ck_assert_uint_eq(v[2].port, 0);
	ck_assert_str_eq(v[2].host_field.p, "localhost");
	ck_assert_str_eq(v[3].host_field.p, "10.0.0.1");
	conf_text_free(&l);
}
END_TEST

START_TEST(bad_servers)
{
	ck_messages(STR_OF("[listen web]\nbind = 8080\n[route all]\nbackend = a\n[backend a]\n"
	    "server = ftp://10.0.0.1\nserver = h2c://10.0.0.1\nserver = 10.0.0.1\n"
	    "server = http://10.0.0.1/path\nserver = a_b:80 wieght=2\nserver = b:80 weight=-1\n"
	    "server = c:80 max_conns=x\nserver = unix:x\nserver = a_b:80\nserver = a_b:80"
	    " weight=2\n"),
	    "text:6: [backend a] server: \"ftp://10.0.0.1\": this version speaks only http and"
	    " https to servers (use http://HOST:PORT)\n"
	    "text:7: [backend a] server: \"h2c://10.0.0.1\": this version speaks only http and"
	    " https to servers (use http://HOST:PORT)\n"
	    "text:8: [backend a] server: \"10.0.0.1\" has no port (use 10.0.0.1:80)\n"
	    "text:9: [backend a] server: \"http://10.0.0.1/path\" is no server (use HOST:PORT,"
	    " http://HOST, https://HOST or unix:/path)\n"
	    "text:10: [backend a] server: \"wieght=2\": unknown option (known: weight=, max_conns=,"
	    " slow_start=, backup, down) (did you mean weight?)\n"
	    "text:11: [backend a] server weight: \"-1\" is no number (use digits)\n"
	    "text:12: [backend a] server max_conns: \"x\" is no number (use digits, or off)\n"
	    "text:13: [backend a] server: \"unix:x\" is no unix socket (use unix:/path, of at most"
	    " 107 bytes)\n"
	    "text:15: [backend a] server: a_b:80 stands at text:14 already (use weight=N to give it"
	    " more)\n");
}
END_TEST

START_TEST(conditions)
{
	struct loaded l = conf_text_load(STR_OF("[listen web]\nbind = 8080\n[route r]\nrespond ="
	    " 204\n"
	    "path = /a/%7Eb//c/../* /x\npath = /*\nmethod = GET QUERY\nheader = X-Key: a b*\n"
	    "header = Accept\nquery = a=1* b\ncookie = c=\nclient = 10.0.0.0/8 unix\n"));
	const struct conf_route *r;

	ck_assert_str_eq(l.messages.p, "");
	r = l.s->routes[0];
	ck_assert_uint_eq(r->npaths, 3);
	ck_assert_str_eq(r->paths[0].text.p, "/a/~b");
	ck_assert_int_eq(r->paths[0].kind, PATH_PREFIX);
	ck_assert_int_eq(r->paths[1].kind, PATH_EXACT);
	ck_assert_str_eq(r->paths[2].text.p, "");
	ck_assert_str_eq(r->methods.v[1].p, "QUERY");
	ck_assert_str_eq(r->headers[0].name.p, "x-key");
	ck_assert_str_eq(r->headers[0].value.p, "a b");
	ck_assert(r->headers[0].prefix && !r->headers[1].prefix);
	ck_assert_ptr_null(r->headers[1].value.p);
	ck_assert_str_eq(r->queries[0].value.p, "1");
	ck_assert(r->queries[0].prefix);
	ck_assert_str_eq(r->cookies[0].value.p, "");
	ck_assert(r->clients.v[1].unix_sockets);
	ck_assert_uint_eq(r->condition_kinds, 6);
	conf_text_free(&l);
	ck_messages(STR_OF("[listen web]\nbind = 8080\n[route r]\nrespond = 204\n"
	    "path = a /a/*/b /a?b /../a /%zz\nmethod = get TRACE\nheader = a b\nquery = =x\n"
	    "client = 10.0.0.0/33\nhost = nope\npath_regex = ^/a b\npath_regex = a(\n"),
	    "text:5: [route r] path: \"a\" is no path (begin with /; for patterns use path_regex)\n"
	    "text:5: [route r] path: \"/a/*/b\" has a * that is not its last segment (use"
	    " /prefix/* or path_regex)\n"
	    "text:5: [route r] path: \"/a?b\" has a ? or # (use query for conditions on the"
	    " query)\n"
	    "text:5: [route r] path: \"/../a\" leads above the root or has a wrong % escape\n"
	    "text:5: [route r] path: \"/%zz\" leads above the root or has a wrong % escape\n"
	    "text:6: [route r] method: \"get\": methods are in capitals (GET)\n"
	    "text:6: [route r] method: \"TRACE\" is always answered with 405\n"
	    "text:7: [route r] header: \"a b\" is no header (use Name or Name: value)\n"
	    "text:8: [route r] query: \"=x\" has no name (use name or name=value)\n"
	    "text:9: [route r] client: \"10.0.0.0/33\" is no range of addresses (use 10.0.0.0/8,"
	    " 2001:db8::/32, 192.0.2.1 or unix)\n"
	    "text:10: [route r] host: \"nope\": there is no [host nope]\n"
	    "text:12: [route r] path_regex: \"a(\": missing closing parenthesis at offset 2\n");
}
END_TEST

START_TEST(name_servers)
{
	static const char *const texts[] = { "127.0.0.1:5353", "192.0.2.53:53", "[::1]:53" };
	struct loaded l = conf_text_load(STR_OF("[listen web]\nbind = 8080\n[global]\n"
	    "resolver = 127.0.0.1:5353 192.0.2.53\nresolver = ::1\n"));
	char text[ADDR_TEXT];

	ck_assert_uint_eq(l.s->global.nname_servers, ARRAY_LEN(texts));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		addr_text(&l.s->global.name_servers[i], text);
		ck_assert_str_eq(text, texts[i]);
	}
	conf_text_free(&l);
	ck_messages(STR_OF("[listen web]\nbind = 8080\n[route r]\npath = /*\nrespond = 204\n"
	    "[global]\nresolver = dns.test 53\n"),
	    "text:7: [global] resolver: \"dns.test\" is no address of a name server (use"
	    " 192.0.2.53, 127.0.0.1:5353 or [::1]:53)\n"
	    "text:7: [global] resolver: \"53\" is no address of a name server (use"
	    " 192.0.2.53, 127.0.0.1:5353 or [::1]:53)\n");
}
END_TEST

START_TEST(actions)
{
	struct loaded l = conf_text_load(STR_OF("[listen web]\nbind = 8080\n"
	    "[route a]\npath = /a\nredirect = 308 https://$host/\nstrip_prefix = /x/\nadd_prefix ="
	    " /%7E/\n"
	    "[route b]\npath = /b\nrespond = 404 \"not here\"\n[route c]\npath = /c\nrespond ="
	    " 204\n"));

	ck_assert_str_eq(l.messages.p, "");
	ck_assert_int_eq(l.s->routes[0]->action, ACTION_REDIRECT);
	ck_assert_int_eq(l.s->routes[0]->redirect_status, 308);
	ck_assert_str_eq(l.s->routes[0]->redirect_url.p, "https://$host/");
	ck_assert_str_eq(l.s->routes[0]->strip_prefix.p, "/x");
	ck_assert_str_eq(l.s->routes[0]->add_prefix.p, "/%7E");
	ck_assert_int_eq(l.s->routes[1]->respond_status, 404);
	ck_assert_str_eq(l.s->routes[1]->respond_type.p, "text/plain; charset=utf-8");
	ck_assert_str_eq(l.s->routes[2]->respond_text.p, "");
	ck_assert_ptr_null(l.s->routes[2]->respond_type.p);
	conf_text_free(&l);
	ck_messages(STR_OF("[listen web]\nbind = 8080\n[route a]\nredirect = /x\n[route b]\npath ="
	    " /b\n"
	    "redirect = 304 /x\n[route c]\npath = /c\nrespond = 200 text \"x\"\n[route d]\npath ="
	    " /d\n"
	    "respond = 204 \"x\"\n[route e]\npath = /e\nrespond = 99 \"x\"\nstrip_prefix = x\n"),
	    "text:4: [route a] redirect: \"/x\" is no redirect (use 301 URL, or 302, 303, 307,"
	    " 308)\n"
	    "text:7: [route b] redirect: 304 is no status of a redirect (use 301, 302, 303, 307 or"
	    " 308)\n"
	    "text:10: [route c] respond: \"text\" is no media type (put the text in double"
	    " quotes)\n"
	    "text:13: [route d] respond: a response with status 204 has no text\n"
	    "text:16: [route e] respond: \"99 \"x\"\" is no response (use 200 \"text\" or 200"
	    " text/html \"text\")\n"
	    "text:17: [route e] strip_prefix: \"x\" is no path (begin with /, without *, ? and"
	    " #)\n");
}
END_TEST

START_TEST(logs)
{
	struct loaded l = conf_text_load(STR_OF("[defaults]\naccess_log = a\n[log a]\n"
	    "path = /var/log/a\n[log b]\npath = syslog:udp:192.0.2.1:5514\nformat = json\n[log c]\n"
	    "path = syslog:\nformat = $status\n" REST));
	const struct conf_log *b;

	b = l.s->logs[1];
	ck_assert_int_eq(l.s->logs[0]->target, LOG_TARGET_FILE);
	ck_assert_int_eq(l.s->logs[0]->buffer, 65536);
	ck_assert_int_eq(l.s->logs[0]->flush_ms, 1000);
	ck_assert_int_eq(b->target, LOG_TARGET_SYSLOG);
	ck_assert_uint_eq(addr_port(&b->syslog_addr), 5514);
	ck_assert_int_eq(b->format, LOG_FORMAT_JSON);
	ck_assert_uint_eq(l.s->logs[2]->syslog_addr.len, 0);
	ck_assert_ptr_eq(l.s->routes[0]->policy->access_log, l.s->logs[0]);
	conf_text_free(&l);
	ck_messages(STR_OF("[defaults]\naccess_log = a\n[log a]\npath = access.log\nformat ="
	    " plain\n"
	    "flush = 1ms\n" REST),
	    "text:4: [log a] path: \"access.log\" is neither an absolute path (begin with /) nor"
	    " stdout, stderr or syslog:\n"
	    "text:5: [log a] format: \"plain\" is neither combined nor json nor a template (which"
	    " has variables: $remote_addr)\n"
	    "text:6: [log a] flush: \"1ms\" is too small (at least 10ms, or off)\n");
}
END_TEST

START_TEST(log_members_and_redact)
{
	struct loaded l = conf_text_load(STR_OF("[defaults]\naccess_log = a\n[log a]\n"
	    "path = /var/log/a\nformat = json\nmember = port $remote_port\n"
	    "member = @text.of-two_words  a  $$ ; \"b\" \nredact = Password X-Api_Key\n"
	    "redact = cookie authorization\n[log b]\npath = stdout\nredact = off\n" REST));
	static const char *const hidden[] = { "password", "x-api-key", "cookie", "set-cookie",
		"authorization", "proxy-authorization" };
	const struct conf_log *a = l.s->logs[0];

	ck_assert_uint_eq(a->nmembers, 2);
	ck_assert(str_eq(a->members[0].name, STR_OF("port")));
	ck_assert(str_eq(a->members[0].value, STR_OF("$remote_port")));
	ck_assert(str_eq(a->members[1].name, STR_OF("@text.of-two_words")));
	ck_assert(str_eq(a->members[1].value, STR_OF("a  $$ ; \"b\"")));
	ck_assert_uint_eq(a->redact.n, ARRAY_LEN(hidden));
	for (unsigned i = 0; i < a->redact.n; i++)
		ck_assert(str_eq(a->redact.v[i], str_of(hidden[i])));
	ck_assert_uint_eq(l.s->logs[1]->redact.n, 0);
	conf_text_free(&l);
	ck_messages(STR_OF("[defaults]\naccess_log = a\n[log a]\npath = /a\nmember = $status\n"
	    "member = status\nredact = password, token\nredact = a=b\n" REST),
	    "text:5: [log a] member: \"$status\" does not begin with the name of a member (use"
	    " NAME $variable; a name has letters, digits, _, -, . and @, at most 64 of them)\n"
	    "text:6: [log a] member: status has no value (use status $variable)\n"
	    "text:7: [log a] redact: \"password,\" is no name of an argument, a field or a cookie"
	    " (use names with blanks between: password token)\n"
	    "text:8: [log a] redact: \"a=b\" is no name of an argument, a field or a cookie (use"
	    " names with blanks between: password token)\n");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("conf_values");
	TCase *values = tcase_create("values");

	tcase_add_test(values, numbers);
	tcase_add_test(values, switches_and_choices);
	tcase_add_test(values, global_defaults);
	tcase_add_test(values, servers);
	tcase_add_test(values, bad_servers);
	tcase_add_test(values, conditions);
	tcase_add_test(values, name_servers);
	tcase_add_test(values, actions);
	tcase_add_test(values, logs);
	tcase_add_test(values, log_members_and_redact);
	suite_add_tcase(suite, values);
	return unit_run(suite);
}
