/* How backends choose and look after servers: values, defaults, and what their errors say. */

#include "conf/server_line.h"
#include "conf/table.h"
#include "conf_text.h"
#include "unit.h"

#define HEAD	"[listen web]\nbind = 8080\n[route all]\nbackend = b\n"
#define BACKEND	"[backend b]\nserver = 127.0.0.1:3000\n"

static struct loaded
load(const char *text)
{
	struct loaded l = conf_text_load(str_of(text));

	ck_assert_str_eq(l.messages.p, "");
	return l;
}

static bool
expects(const struct conf_check *check, int status)
{
	return (check->expect[status / 64] >> status % 64 & 1) != 0;
}

START_TEST(defaults)
{
	struct loaded l = load(HEAD BACKEND);
	const struct conf_backend *b = l.s->backends[0];

	ck_assert_int_eq(b->balance, BALANCE_ROUND_ROBIN);
	ck_assert_ptr_null(b->hash_key.p);
	ck_assert_ptr_null(b->sticky.cookie.p);
	ck_assert_ptr_null(b->sticky_secret.p);
	ck_assert_int_eq(b->check.kind, CHECK_DEFAULT);
	ck_assert_int_eq(b->check.interval_ms, 5000);
	ck_assert_int_eq(b->check.timeout_ms, 2000);
	ck_assert_uint_eq(b->check.rise, 2);
	ck_assert_uint_eq(b->check.fall, 3);
	ck_assert_uint_eq(b->eject.errors, 5);
	ck_assert_int_eq(b->eject.time_ms, 10000);
	ck_assert_uint_eq(b->eject.max_pct, 50);
	ck_assert_int_eq(b->slow_start_ms, 10000);
	ck_assert_uint_eq(b->queue.max, 100);
	ck_assert_int_eq(b->queue.timeout_ms, 5000);
	ck_assert(!b->queue.given);
	ck_assert(!b->try_all_down);
	ck_assert_uint_eq(b->retry_on, RETRY_CONNECT | RETRY_RESET);
	ck_assert_int_eq(b->retry_budget_pct, 20);
	ck_assert_int_eq(b->resolve_ms, 30000);
	ck_assert_int_eq(b->servers[0].slow_start_ms, CONF_OFF);
	ck_assert(!b->servers[0].srv);
	conf_text_free(&l);
}
END_TEST

START_TEST(values)
{
	struct loaded l = load("[defaults]\neject = errors=3\nqueue = off\nslow_start = off\n"
	    "retry_on = 503 timeout connect\n" HEAD BACKEND
	    "balance = hash \"$http_x_key $uri\"\nsticky = cookie srv ttl=1h\n"
	    "sticky_secret = 0123456789abcdef\n"
	    "check = GET /healthz?a=b host=app.test:81 expect=200,204,300-399 body=\"all is well\""
	    " interval=500ms timeout=1s rise=1 fall=4 port=81\n"
	    "queue = 7 timeout=2s\nall_down = try_all\nretry_budget = off\nresolve = off\n");
	const struct conf_backend *b = l.s->backends[0];

	ck_assert_int_eq(b->balance, BALANCE_HASH);
	ck_assert_str_eq(b->hash_key.p, "$http_x_key $uri");
	ck_assert_str_eq(b->sticky.cookie.p, "srv");
	ck_assert_int_eq(b->sticky.ttl_ms, 3600000);
	ck_assert_str_eq(b->sticky_secret.p, "0123456789abcdef");
	ck_assert_int_eq(b->check.kind, CHECK_HTTP);
	ck_assert_str_eq(b->check.target.p, "/healthz?a=b");
	ck_assert_str_eq(b->check.host.p, "app.test:81");
	ck_assert_str_eq(b->check.body.p, "all is well");
	ck_assert(expects(&b->check, 200) && !expects(&b->check, 201));
	ck_assert(expects(&b->check, 204) && !expects(&b->check, 299));
	ck_assert(expects(&b->check, 300) && expects(&b->check, 399));
	ck_assert(!expects(&b->check, 400) && !expects(&b->check, 599));
	ck_assert_int_eq(b->check.interval_ms, 500);
	ck_assert_int_eq(b->check.timeout_ms, 1000);
	ck_assert_uint_eq(b->check.rise, 1);
	ck_assert_uint_eq(b->check.fall, 4);
	ck_assert_uint_eq(b->check.port, 81);
	ck_assert_uint_eq(b->eject.errors, 3);
	ck_assert_int_eq(b->eject.time_ms, 10000);
	ck_assert_uint_eq(b->queue.max, 7);
	ck_assert_int_eq(b->queue.timeout_ms, 2000);
	ck_assert(b->queue.given);
	ck_assert_int_eq(b->slow_start_ms, CONF_OFF);
	ck_assert_uint_eq(b->retry_on, RETRY_CONNECT | RETRY_TIMEOUT | RETRY_503);
	ck_assert(b->try_all_down);
	ck_assert_int_eq(b->retry_budget_pct, CONF_OFF);
	ck_assert_int_eq(b->resolve_ms, CONF_OFF);
	conf_text_free(&l);
}
END_TEST

START_TEST(checks)
{
	struct loaded l = load("[defaults]\ncheck = tcp interval=1s port=99\n" HEAD
	    BACKEND "[route c]\npath = /c\nbackend = c\n[backend c]\nserver = c:1\ncheck = off\n"
	    "[route d]\npath = /d\nbackend = d\n[backend d]\nserver = d:1\ncheck = auto fall=1\n"
	    "[route e]\npath = /e\nbackend = e\n[backend e]\nserver = e:1\ncheck =\n"
	    "[route f]\npath = /f\nbackend = f\n[backend f]\nserver = f:1\ncheck = GET /\n");
	struct conf_backend **b = l.s->backends;

	ck_assert_int_eq(b[0]->check.kind, CHECK_TCP);
	ck_assert_int_eq(b[0]->check.interval_ms, 1000);
	ck_assert_uint_eq(b[0]->check.port, 99);
	ck_assert_int_eq(b[1]->check.kind, CHECK_OFF);
	ck_assert_int_eq(b[2]->check.kind, CHECK_DEFAULT);
	ck_assert_uint_eq(b[2]->check.fall, 1);
	ck_assert_int_eq(b[3]->check.kind, CHECK_DEFAULT);
	ck_assert_int_eq(b[3]->check.interval_ms, 5000);
	ck_assert_int_eq(b[4]->check.kind, CHECK_HTTP);
	for (int status = 200; status < 600; status++)
		ck_assert_int_eq(expects(&b[4]->check, status), status < 400);
	conf_text_free(&l);
}
END_TEST

START_TEST(off)
{
	struct loaded l = load(HEAD BACKEND "eject = off\nqueue = off\nsticky = off\nretry_budget"
	    " = 0%\n");
	const struct conf_backend *b = l.s->backends[0];

	ck_assert_uint_eq(b->eject.errors, 0);
	ck_assert_uint_eq(b->queue.max, 0);
	ck_assert(!b->queue.given);
	ck_assert_ptr_null(b->sticky.cookie.p);
	ck_assert_int_eq(b->retry_budget_pct, 0);
	conf_text_free(&l);
}
END_TEST

START_TEST(servers)
{
	struct loaded l = load(HEAD "[backend b]\n"
	    "server = srv:_http._tcp.Example.com slow_start=5s\n"
	    "server = https://srv:_https._tcp.example.com. slow_start=off weight=2\n");
	const struct conf_server *v = l.s->backends[0]->servers;

	ck_assert(v[0].srv && v[1].srv);
	ck_assert_int_eq(v[0].scheme, SCHEME_HTTP);
	ck_assert_int_eq(v[1].scheme, SCHEME_HTTPS);
	ck_assert_str_eq(v[0].host.p, "_http._tcp.example.com");
	ck_assert_str_eq(v[1].host.p, "_https._tcp.example.com");
	ck_assert_uint_eq(v[0].port, 0);
	ck_assert_int_eq(v[0].slow_start_ms, 5000);
	ck_assert_int_eq(v[1].slow_start_ms, 0);
	ck_assert_str_eq(v[0].text.p, "srv:_http._tcp.Example.com");
	ck_assert_str_eq(v[0].line.p, "srv:_http._tcp.Example.com slow_start=5s");
	conf_text_free(&l);
}
END_TEST

/* A line of [backend], and the message behind "[backend b] ". */
static const struct {
	const char *line, *message;
} wrong[] = {
	{ "balance = lest_conn", "balance: \"lest_conn\" is not one of round_robin, least_conn,"
	    " ip_hash, hash, random, least_time (did you mean least_conn?)" },
	{ "balance = hash", "balance: \"hash\" is no key to hash (use hash $uri; put double quotes"
	    " around one with blanks)" },
	{ "balance = hash $a $b", "balance: \"hash $a $b\" is no key to hash (use hash $uri; put"
	    " double quotes around one with blanks)" },
	{ "sticky = on", "sticky: \"on\" is not understood (use cookie NAME, cookie NAME ttl=1h or"
	    " off)" },
	{ "sticky = cookie a=b", "sticky: \"cookie a=b\" is not understood (use cookie NAME, cookie"
	    " NAME ttl=1h or off)" },
	{ "sticky = cookie a ttl=1", "sticky ttl: \"1\" has no unit (use 1s or 1000ms)" },
	{ "sticky = cookie a ttl=1ms", "sticky ttl: \"1ms\" is too small (at least 1s)" },
	{ "check = http", "check: \"http\" is no check (use tcp, GET /path, auto or off)" },
	{ "check = off fall=1", "check: \"off fall=1\" is no check (use tcp, GET /path, auto or"
	    " off)" },
	{ "check = GET", "check: GET \"\" has no path (use GET /healthz)" },
	{ "check = GET healthz", "check: GET \"healthz\" has no path (use GET /healthz)" },
	{ "check = GET /a#b", "check: GET \"/a#b\" has no path (use GET /healthz)" },
	{ "check = tcp expect=200", "check: \"expect=200\": unknown option (known: interval=,"
	    " timeout=, rise=, fall=, port=)" },
	{ "check = GET / intervall=1s", "check: \"intervall=1s\": unknown option (known: interval=,"
	    " timeout=, rise=, fall=, port=, host=, expect=, body=) (did you mean interval?)" },
	{ "check = tcp fall", "check fall: has no value (use fall=VALUE)" },
	{ "check = tcp fall=1 fall=2", "check: fall stands twice" },
	{ "check = tcp rise=0", "check rise: \"0\" is too small (at least 1)" },
	{ "check = tcp port=70000", "check port: \"70000\" is too big (at most 65535)" },
	{ "check = tcp interval=1ms", "check interval: \"1ms\" is too small (at least 10ms)" },
	{ "check = GET / host=a/b", "check host: \"a/b\" is no value of Host (use"
	    " app.example.com)" },
	{ "check = GET / expect=2xx", "check expect: \"2xx\" is no list of statuses (use 200-399 or"
	    " 200,204,300-399)" },
	{ "check = GET / expect=100", "check expect: \"100\" is no list of statuses (use 200-399 or"
	    " 200,204,300-399)" },
	{ "check = GET / expect=300-200", "check expect: \"300-200\" is no list of statuses (use"
	    " 200-399 or 200,204,300-399)" },
	{ "check = GET / expect=200,", "check expect: \"200,\" is no list of statuses (use 200-399"
	    " or 200,204,300-399)" },
	{ "check = GET / body=\"\"", "check body: has no value (use body=VALUE)" },
	{ "eject = 5", "eject: \"5\": unknown option (known: errors=, time=, max=)" },
	{ "eject = errors=0", "eject errors: \"0\" is too small (at least 1)" },
	{ "eject = time=6m", "eject time: \"6m\" is too big (at most 5m)" },
	{ "eject = max=50", "eject max: \"50\" is no percentage (use 20%)" },
	{ "eject = max=101%", "eject max: \"101%\" is too big (at most 100%)" },
	{ "slow_start = 10", "slow_start: \"10\" has no unit (use 10s or 10000ms)" },
	{ "queue = timeout=5s", "queue: \"timeout=5s\" is no number of requests, 1 to 1000000 (use"
	    " 100 timeout=5s, or off)" },
	{ "queue = 0", "queue: \"0\" is no number of requests, 1 to 1000000 (use 100 timeout=5s, or"
	    " off)" },
	{ "queue = 5 when=down", "queue when: \"down\" is not one of full, always" },
	{ "all_down = ignore", "all_down: \"ignore\" is not one of fail, try_all" },
	{ "retry_on = conect", "retry_on: \"conect\" is not one of connect, reset, timeout, 502,"
	    " 503, 504 (did you mean connect?)" },
	{ "retry_on = 500", "retry_on: \"500\" is not one of connect, reset, timeout, 502,"
	    " 503, 504 (did you mean 502?)" },
	{ "retry_budget = 20", "retry_budget: \"20\" is no percentage (use 20%, or off)" },
	{ "resolve = 10ms", "resolve: \"10ms\" is too small (at least 1s, or off)" },
	{ "server = srv:a:80", "server: \"srv:a:80\" is no name of SRV records (use"
	    " srv:_http._tcp.example.com)" },
	{ "server = srv:10.0.0.1", "server: \"srv:10.0.0.1\" is no name of SRV records (use"
	    " srv:_http._tcp.example.com)" },
	{ "server = a:1 slow_start=x", "server slow_start: \"x\" is no duration (use a number and"
	    " ms, s, m, h or d: 30s, or off)" },
	{ "server = a:1 backup=on", "server: \"backup=on\": backup takes no value" },
	{ "balance = hash x", "warning" },
	{ "sticky_secret = short", "warning" },
};

START_TEST(errors)
{
	struct buf text, wanted;

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		buf_init(&text);
		buf_init(&wanted);
		buf_printf(&text, HEAD BACKEND "%s\n", wrong[i].line);
		buf_printf(&wanted, "text:7: [backend b] %s\n", wrong[i].message);
		if (strcmp(wrong[i].message, "warning") != 0)
			ck_messages(buf_view(&text), buf_text(&wanted));
		buf_fini(&text);
		buf_fini(&wanted);
	}
	ck_messages(STR_OF(HEAD BACKEND "balance = hash x\n"),
	    "text:7: warning: [backend b] balance: the key has no variable, so one server gets all"
	    " requests (use hash $uri)\n");
	ck_messages(STR_OF(HEAD BACKEND "sticky_secret = short\n"),
	    "text:7: warning: [backend b] sticky_secret: is so short that it can be guessed (use 16"
	    " bytes or more: openssl rand -base64 24)\n"
	    "text:7: warning: [backend b] sticky_secret: has no effect (add sticky = cookie"
	    " NAME)\n");
}
END_TEST

START_TEST(admin_socket)
{
	struct loaded l = load(HEAD BACKEND "[admin]\nsocket = /run/u.sock\n");

	ck_assert_str_eq(l.s->admin.socket.text.p, "/run/u.sock");
	conf_text_free(&l);
	ck_messages(STR_OF(HEAD BACKEND "[admin]\nsocket = u.sock\n"),
	    "text:8: [admin] socket: \"u.sock\" is no absolute path (begin with /)\n");
	ck_messages(STR_OF(HEAD BACKEND "[admin]\nlisten = unix:/x\nsocket = /x\n"),
	    "text:9: [admin] socket: /x is taken by unix:/x at text:8\n");
}
END_TEST

START_TEST(run_time_servers)
{
	struct conf_server s;
	struct arena arena;
	struct str why;

	arena_init(&arena);
	ck_assert(conf_server_parse(&arena, STR_OF(" https://App.test weight=3 backup "), &s,
	    &why));
	ck_assert_ptr_null(why.p);
	ck_assert_str_eq(s.host.p, "app.test");
	ck_assert_str_eq(s.line.p, "https://App.test weight=3 backup");
	ck_assert_uint_eq(s.weight, 3);
	ck_assert(s.backup);
	ck_assert(!conf_server_parse(&arena, STR_OF("10.0.0.1"), &s, &why));
	ck_assert_str_eq(why.p, "server: \"10.0.0.1\" has no port (use 10.0.0.1:80)");
	ck_assert(!conf_server_parse(&arena, STR_OF("a:1 weight=x"), &s, &why));
	ck_assert_str_eq(why.p, "server weight: \"x\" is no number (use digits)");
	ck_assert(!conf_server_parse(&arena, STR_OF("  "), &s, &why));
	ck_assert_str_eq(why.p, "server: has no value (use HOST:PORT)");
	arena_fini(&arena);
}
END_TEST

/* What -T says of the defaults reads as the same values again. */
START_TEST(dump)
{
	struct loaded l = load(HEAD BACKEND "check = tcp fall=9\n"), again;
	struct buf out;

	buf_init(&out);
	conf_dump(l.s, &out);
	again = load(buf_text(&out));
	ck_assert(!again.s->backends[0]->queue.given);
	ck_assert_uint_eq(again.s->backends[0]->queue.max, 100);
	ck_assert_uint_eq(again.s->backends[0]->check.fall, 9);
	ck_assert_int_eq(again.s->backends[0]->slow_start_ms, 10000);
	conf_text_free(&again);
	conf_text_free(&l);
	buf_fini(&out);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("conf_balance");
	TCase *all = tcase_create("all");

	tcase_add_test(all, defaults);
	tcase_add_test(all, values);
	tcase_add_test(all, checks);
	tcase_add_test(all, off);
	tcase_add_test(all, servers);
	tcase_add_test(all, errors);
	tcase_add_test(all, admin_socket);
	tcase_add_test(all, run_time_servers);
	tcase_add_test(all, dump);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
