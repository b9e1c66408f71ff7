/* Where values come from, and that -T says the same as the file. */

#include "conf_text.h"
#include "unit.h"

START_TEST(nearest_wins)
{
	struct loaded l = conf_text_load(STR_OF("[defaults]\nread_timeout = 1s\nconnect_timeout ="
	    " 1s\n"
	    "retries = 7\nmax_body = 1k\n"
	    "[listen web]\nbind = 8080\n[host h]\nnames = h.test\nread_timeout = 3s\nmax_body =\n"
	    "[backend b]\nserver = 127.0.0.1:1\nread_timeout = 2s\nconnect_timeout = 2s\n"
	    "[route own]\nhost = h\npath = /own\nbackend = b\nread_timeout = 4s\n"
	    "[route host]\nhost = h\npath = /host\nbackend = b\n"
	    "[route backend]\npath = /backend\nbackend = b\n"
	    "[route none]\npath = /none\nrespond = 204\n"));
	struct conf_route **r;

	ck_assert_str_eq(l.messages.p, "");
	r = l.s->routes;
	ck_assert_int_eq(r[0]->policy->read_timeout_ms, 4000);
	ck_assert_int_eq(r[1]->policy->read_timeout_ms, 3000);
	ck_assert_int_eq(r[2]->policy->read_timeout_ms, 2000);
	ck_assert_int_eq(r[3]->policy->read_timeout_ms, 1000);
	ck_assert_int_eq(r[0]->policy->connect_timeout_ms, 2000);
	ck_assert_uint_eq(r[0]->policy->retries, 7);
	ck_assert_int_eq(r[0]->policy->max_body, 16 * 1024 * 1024);
	ck_assert_int_eq(r[2]->policy->max_body, 1024);
	ck_assert_int_eq(r[3]->policy->first_byte_timeout_ms, 60000);
	ck_assert_int_eq(l.s->fallback->policy->read_timeout_ms, 1000);
	ck_assert_int_eq(l.s->fallback->action, ACTION_NONE);
	conf_text_free(&l);
}
END_TEST

START_TEST(backend_behind_files)
{
	struct loaded l = conf_text_load(STR_OF("[defaults]\ntry_files = $uri @a\nretries = 7\n"
	    "[listen web]\nbind = 8080\n[host h]\nnames = h.test\ntry_files = $uri @b\n"
	    "[host f]\nnames = f.test\nfiles = /f\n"
	    "[backend a]\nserver = 127.0.0.1:1\nread_timeout = 1s\nretries = 1\n"
	    "[backend b]\nserver = 127.0.0.1:2\nread_timeout = 2s\nretries = 2\n"
	    "[route host]\nhost = h\npath = /host\nfiles = /f\n"
	    "[route defaults]\npath = /defaults\nfiles = /f\nread_timeout = 4s\n"
	    "[route own]\nhost = h\npath = /own\nfiles = /f\ntry_files = $uri\ntry_files = @a\n"
	    "[route cleared]\nhost = h\npath = /cleared\nfiles = /f\ntry_files =\n"
	    "[route status]\nhost = h\npath = /status\nfiles = /f\ntry_files = $uri =404\n"
	    "[route other]\nhost = h\npath = /other\nbackend = a\n"));
	static const struct {
		const char *name;
		const char *backend;
		msec read_ms;
		unsigned retries;
	} want[] = {
		{ "f", "a", 1000, 1 }, { "host", "b", 2000, 2 }, { "defaults", "a", 4000, 1 },
		{ "own", "a", 1000, 1 }, { "cleared", NULL, 60000, 7 },
		{ "status", NULL, 60000, 7 }, { "other", NULL, 1000, 1 },
	};

	ck_assert_str_eq(l.messages.p, "");
	ck_assert_uint_eq(l.s->nroutes, ARRAY_LEN(want));
	for (unsigned i = 0; i < l.s->nroutes; i++) {
		const struct conf_route *r = l.s->routes[i];
		const struct conf_backend *b = r->files_backend;

		ck_assert_str_eq(r->name.p, want[i].name);
		ck_assert_pstr_eq(b != NULL ? b->name.p : NULL, want[i].backend);
		ck_assert_int_eq(r->policy->read_timeout_ms, want[i].read_ms);
		ck_assert_uint_eq(r->policy->retries, want[i].retries);
	}
	conf_text_free(&l);
}
END_TEST

static const char splits_text[] =
    "[defaults]\nread_timeout = 1s\nconnect_timeout = 1s\n[listen web]\nbind = 8080\n"
    "[host h]\nnames = h.test\nread_timeout = 3s\nbackend = app\n"
    "[host i]\nnames = i.test\n"
    "[backend app]\nserver = a:1\nread_timeout = 5s\nretries = 5\n"
    "[backend canary]\nserver = c:1\nread_timeout = 6s\nconnect_timeout =\nretries = 0\n"
    "[route open]\npath = /open\nsplit = 1:app 1:canary\n"
    "[route host]\nhost = h\npath = /host\nsplit = 1:app 1:canary\n"
    "[route own]\nhost = h\npath = /own\nsplit = 1:app 1:canary\nread_timeout = 4s\n"
    "retries =\n"
    "[route copied]\nhost = h\npath = /copied\nsplit = 1:app 1:canary\nmirror = canary\n"
    "[route copies]\npath = /copies\nbackend = app\nmirror = canary\n"
    "[route two]\nhost = h i\npath = /two\nread_timeout = 2s\nsplit = 1:app 1:canary\n"
    "[route same]\npath = /same\nbackend = canary\n";

static void
ck_policy(const struct conf_policy *p, unsigned retries, msec read_ms, msec connect_ms)
{
	ck_assert_uint_eq(p->retries, retries);
	ck_assert_int_eq(p->read_timeout_ms, read_ms);
	ck_assert_int_eq(p->connect_timeout_ms, connect_ms);
}

static const struct conf_route *
route_called(const struct conf_snapshot *s, const char *name)
{
	for (unsigned i = 0; i < s->nroutes; i++)
		if (str_eq(s->routes[i]->name, str_of(name)))
			return s->routes[i];
	ck_abort_msg("there is no route %s", name);
	return NULL;
}

static void
ck_splits(const struct conf_snapshot *s)
{
	const struct conf_split *open = route_called(s, "open")->splits;
	const struct conf_split *own = route_called(s, "own")->splits;
	const struct conf_route *host = route_called(s, "host");
	const struct conf_route *copied = route_called(s, "copied");
	const struct conf_route *copies = route_called(s, "copies");

	ck_policy(open[0].policy, 5, 5000, 1000);
	ck_policy(open[1].policy, 0, 6000, 3000);
	ck_policy(host->splits[0].policy, 5, 3000, 1000);
	ck_policy(host->splits[1].policy, 0, 3000, 3000);
	ck_policy(own[0].policy, 1, 4000, 1000);
	ck_policy(own[1].policy, 1, 4000, 3000);
	ck_policy(route_called(s, "two")->splits[0].policy, 5, 2000, 1000);
	ck_policy(copied->splits[0].policy, 5, 3000, 1000);
	ck_policy(copied->splits[0].policy->mirror.policy, 0, 3000, 3000);
	ck_assert_ptr_eq(copied->splits[0].policy->mirror.policy,
	    copied->splits[1].policy->mirror.policy);
	ck_policy(copies->policy, 5, 5000, 1000);
	ck_policy(copies->policy->mirror.policy, 0, 6000, 3000);
	ck_policy(route_called(s, "h")->policy, 5, 3000, 1000);
}

/* Each backend of a split, and that of a mirror, has its own values for the route. */
START_TEST(splits)
{
	struct loaded l = conf_text_load(STR_OF(splits_text));

	ck_assert_str_eq(l.messages.p, "");
	ck_splits(l.s);
	ck_assert_ptr_eq(route_called(l.s, "open")->splits[1].policy,
	    route_called(l.s, "same")->policy);
	ck_assert_ptr_ne(route_called(l.s, "open")->splits[0].policy,
	    route_called(l.s, "open")->splits[1].policy);
	conf_text_free(&l);
}
END_TEST

START_TEST(defaults_feed_listens_and_backends)
{
	struct loaded l = conf_text_load(STR_OF("[defaults]\nkeepalive_timeout = 7s\nkeepalive ="
	    " 3\n"
	    "trusted_proxies = 10.0.0.0/8 unix\n"
	    "[listen a]\nbind = 1000\n[listen b]\nbind = 1001\ntrusted_proxies = 192.0.2.1\n"
	    "[listen c]\nbind = 1002\ntrusted_proxies =\nkeepalive_timeout =\n"
	    "[listen d]\nbind = 1003\ntrusted_proxies =\ntrusted_proxies = ::1\n"
	    "[route r]\nbackend = b\n[backend b]\nserver = 127.0.0.1:1\n"));
	struct conf_listen **v;

	ck_assert_str_eq(l.messages.p, "");
	v = l.s->listens;
	ck_assert_int_eq(v[0]->keepalive_timeout_ms, 7000);
	ck_assert_int_eq(v[2]->keepalive_timeout_ms, 60000);
	ck_assert_int_eq(l.s->backends[0]->keepalive_timeout_ms, 7000);
	ck_assert_int_eq(l.s->backends[0]->keepalive, 3);
	ck_assert_uint_eq(v[0]->trusted_proxies.n, 2);
	ck_assert_uint_eq(v[1]->trusted_proxies.n, 1);
	ck_assert_uint_eq(v[2]->trusted_proxies.n, 0);
	ck_assert_uint_eq(v[3]->trusted_proxies.n, 1);
	ck_assert_str_eq(v[0]->name.p, "a");
	ck_assert_uint_eq(v[3]->index, 3);
	conf_text_free(&l);
	ck_messages(STR_OF("[defaults]\nkeepalive_timeout = 7\nproxy_protocol = on\npath ="
	    " /\n" REST),
	    "text:2: [defaults] keepalive_timeout: \"7\" has no unit (use 7s or 7000ms)\n"
	    "text:3: [defaults] proxy_protocol: does not belong here (but in [listen] or"
	    " [backend])\n"
	    "text:4: [defaults] path: does not belong here (but in [route] or [log])\n");
}
END_TEST

START_TEST(several_hosts)
{
	static const char text[] = "[listen web]\nbind = 8080\n"
	    "[host a]\nnames = a.test\nmax_body = 1k\nread_timeout = 5s\n"
	    "[host b]\nnames = b.test\nmax_body = 1k\n"
	    "[route r]\nhost = a b\nrespond = 204\n%s";
	struct loaded l;
	struct buf b;

	buf_init(&b);
	buf_printf(&b, text, "read_timeout = 9s\n");
	l = conf_text_load(buf_view(&b));
	ck_assert_str_eq(l.messages.p, "");
	ck_assert_int_eq(l.s->routes[0]->policy->max_body, 1024);
	ck_assert_int_eq(l.s->routes[0]->policy->read_timeout_ms, 9000);
	conf_text_free(&l);
	b.n = 0;
	buf_printf(&b, text, "");
	ck_messages(buf_view(&b), "text:10: [route r] read_timeout: its hosts a and b differ"
	    " (write it in the route)\n");
	buf_fini(&b);
}
END_TEST

START_TEST(host_actions)
{
	struct loaded l = conf_text_load(STR_OF("[listen web]\nbind = 8080\n"
	    "[host a]\nnames = a.test\nredirect = 301 /x\nmax_body = 1k\n"
	    "[host b]\nnames = b.test\nrespond = 204\n"
	    "[host c]\nnames = c.test\nrespond = 204\n"
	    "[route a]\nhost = b\npath = /other\nrespond = 200\n"
	    "[route c2]\nhost = c\npath = /x /*\nrespond = 200\n"));
	struct conf_route **r;

	ck_assert_str_eq(l.messages.p, "text:12: warning: [host c] respond: is never done, as"
	    " [route c2] takes all requests\n");
	r = l.s->routes;
	ck_assert_uint_eq(l.s->nroutes, 4);
	ck_assert_str_eq(r[0]->name.p, "a/*");
	ck_assert_int_eq(r[0]->action, ACTION_REDIRECT);
	ck_assert_int_eq(r[0]->policy->max_body, 1024);
	ck_assert_uint_eq(r[0]->nhosts, 1);
	ck_assert_ptr_eq(r[0]->hosts[0], l.s->hosts[0]);
	ck_assert_str_eq(r[0]->paths[0].text.p, "");
	ck_assert_str_eq(r[1]->name.p, "b");
	ck_assert_uint_eq(r[1]->index, 1);
	ck_assert_str_eq(r[2]->name.p, "a");
	conf_text_free(&l);
}
END_TEST

START_TEST(overrides)
{
	static const struct conf_override good[] = {
		{ "global.workers=3" }, { "listen web:bind=90" }, { "listen web:bind=91" },
		{ "defaults.max_body = 1k" },
	};
	static const struct conf_override bad[] = {
		{ "nonsense" }, { "listen wbe:bind=1" }, { "nope.x=1" }, { "global.wrokers=1" },
		{ "global.workers=0" }, { "global.include=/x" }, { "global.user=a\nb" },
	};
	const char *const urls[] = { "http://127.0.0.1:3000", "127.0.0.1:3001" };
	struct conf_errors *errors = conf_errors_new();
	struct loaded l;

	l = conf_text_result(conf_quick("8080", urls, 2, good, ARRAY_LEN(good), errors), errors);
	ck_assert_str_eq(l.messages.p, "");
	ck_assert_uint_eq(l.s->global.workers, 3);
	ck_assert_uint_eq(l.s->listens[0]->nbinds, 2);
	ck_assert_int_eq(l.s->routes[0]->policy->max_body, 1024);
	ck_assert_uint_eq(l.s->backends[0]->nservers, 2);
	ck_assert_int_eq(l.s->routes[0]->policy->access_log->target, LOG_TARGET_STDOUT);
	ck_assert_ptr_null(l.s->global.pid_file.p);
	ck_assert_int_eq(l.s->global.error_log, LOG_TARGET_STDERR);
	conf_text_free(&l);

	errors = conf_errors_new();
	l = conf_text_result(conf_quick("x", urls, 1, bad, ARRAY_LEN(bad), errors), errors);
	ck_assert_ptr_null(l.s);
	ck_assert_str_eq(l.messages.p,
	    "-g: \"nonsense\": not understood (write global.KEY=VALUE or 'KIND NAME:KEY=VALUE')\n"
	    "-g: \"listen wbe:bind=1\": there is no [listen wbe] (did you mean web?)\n"
	    "-g: \"nope.x=1\": unknown section (write global.KEY=VALUE or 'KIND NAME:KEY=VALUE')\n"
	    "-g: \"global.include=/x\": only a file can include others (write global.KEY=VALUE or"
	    " 'KIND NAME:KEY=VALUE')\n"
	    "-g: \"global.user=a\nb\": not understood (write global.KEY=VALUE or 'KIND"
	    " NAME:KEY=VALUE')\n"
	    "-g: [global] wrokers: unknown key (did you mean workers?)\n"
	    "-g: [global] workers: \"0\" is too small (at least 1)\n"
	    "command line: [listen web] bind: \"x\" is no address to listen at (use 80,"
	    " 127.0.0.1:80, [::1]:80 or unix:/path)\n");
	conf_text_free(&l);
}
END_TEST

static struct buf
dump_of(const struct conf_snapshot *s)
{
	struct buf b;

	buf_init(&b);
	conf_dump(s, &b);
	buf_text(&b);
	return b;
}

START_TEST(forget_text)
{
	struct loaded l = conf_text_load(STR_OF("[global]\nuser = nobody\n[defaults]\nvia = on\n"
	    "[listen web]\nbind = 127.0.0.1:8080\n[host h]\nnames = H.test. *.h.test\n"
	    "[route r]\nhost = h\npath = /a/*\nmethod = GET\nheader = X-A: b\nquery = c=d\n"
	    "redirect = 301 /there\n[route s]\nrespond = 200 text/html \"hi\"\n"
	    "[backend b]\nserver = 127.0.0.1:1\n"));
	struct buf b;

	ck_assert_ptr_nonnull(l.s);
	conf_forget_text(l.s);
	b = dump_of(l.s);
	ck_assert_str_eq(b.p, "");
	ck_assert_str_eq(l.s->global.user.p, "nobody");
	ck_assert_str_eq(l.s->listens[0]->name.p, "web");
	ck_assert_str_eq(l.s->listens[0]->at.file, "text");
	ck_assert_str_eq(l.s->listens[0]->binds[0].text.p, "127.0.0.1:8080");
	ck_assert_str_eq(l.s->hosts[0]->names.v[0].p, "h.test");
	ck_assert_str_eq(l.s->hosts[0]->names.v[1].p, "*.h.test");
	ck_assert_ptr_eq(l.s->routes[0]->hosts[0], l.s->hosts[0]);
	ck_assert_str_eq(l.s->routes[0]->paths[0].text.p, "/a");
	ck_assert_str_eq(l.s->routes[0]->methods.v[0].p, "GET");
	ck_assert_str_eq(l.s->routes[0]->headers[0].value.p, "b");
	ck_assert_str_eq(l.s->routes[0]->queries[0].name.p, "c");
	ck_assert_str_eq(l.s->routes[0]->redirect_url.p, "/there");
	ck_assert_str_eq(l.s->routes[1]->respond_type.p, "text/html");
	ck_assert_str_eq(l.s->routes[1]->respond_text.p, "hi");
	ck_assert_str_eq(l.s->backends[0]->servers[0].text.p, "127.0.0.1:1");
	buf_fini(&b);
	conf_text_free(&l);
}
END_TEST

START_TEST(policies)
{
	struct loaded l = conf_text_load(STR_OF("[listen web]\nbind = 8080\n[defaults]\nvia = on\n"
	    "[host h]\nnames = h.test\n[host i]\nnames = i.test\nretries = 3\n"
	    "[route a]\nhost = h\nrespond = 200\n[route b]\nhost = h\npath = /b\nvia = on\n"
	    "respond = 200\n[route c]\nhost = i\nrespond = 200\n"));
	struct conf_route **r;

	ck_assert_ptr_nonnull(l.s);
	r = l.s->routes;
	ck_assert_ptr_eq(r[0]->policy, l.s->fallback->policy);
	ck_assert_ptr_eq(r[0]->policy, r[1]->policy);
	ck_assert_ptr_ne(r[0]->policy, r[2]->policy);
	ck_assert_uint_eq(r[2]->policy->retries, 3);
	conf_text_free(&l);
}
END_TEST

START_TEST(dump)
{
	struct loaded l = conf_text_load(STR_OF("[defaults]\nread_timeout = 1s\n"
	    "trusted_proxies = ::1\n[listen web]\nbind = 8080\n"
	    "[host h]\nnames = h.test\nvia = on\n"
	    "[route r]\nhost = h\npath = /x\npath = /a/*\nrespond = 200 \"$$ ; x\"\nmax_body =\n"));
	struct buf b;

	ck_assert_str_eq(l.messages.p, "");
	b = dump_of(l.s);
	ck_assert_ptr_nonnull(strstr(b.p, "[defaults]\n# text:3\ntrusted_proxies = ::1\n#"
	    " default\n"));
	ck_assert_ptr_nonnull(strstr(b.p, "# text:4\n[listen web]\n# text:5\nbind = 8080\n"));
	ck_assert_ptr_nonnull(strstr(b.p, "trusted_proxies =\n# text:3\ntrusted_proxies = ::1\n"));
	ck_assert_ptr_nonnull(strstr(b.p, "[host h]\n# text:7\nnames = h.test\n# default\n"
	    "redirect_https = off\n# default\ntls_client_verify = listener\n"
	    "# text:8\nvia = on\n\n"));
	ck_assert_ptr_nonnull(strstr(b.p, "# text:11\npath = /x\n# text:12\npath = /a/*\n"));
	ck_assert_ptr_nonnull(strstr(b.p, "# text:13\nrespond = 200 \"$$ ; x\"\n"));
	ck_assert_ptr_nonnull(strstr(b.p, "# text:14\nmax_body =\n# default\nbody_timeout ="
	    " 30s\n"));
	ck_assert_ptr_nonnull(strstr(b.p, "# text:2\nread_timeout = 1s\n# default\nwrite_timeout"));
	buf_fini(&b);
	conf_text_free(&l);
}
END_TEST

/* Without the comments, which name places. */
static struct buf
values_of(struct str rest)
{
	struct str line;
	struct buf b;

	buf_init(&b);
	while (rest.n > 0 && str_cut(&rest, '\n', &line))
		if (!str_starts(line, STR_OF("#")))
			buf_printf(&b, "%.*s\n", STR_ARG(line));
	buf_text(&b);
	return b;
}

START_TEST(dump_of_a_dump)
{
	struct loaded l = conf_text_load_file("t/fuzz/seeds/conf/everything.ini"), again;
	struct buf first, second, a, b;

	ck_assert_str_eq(l.messages.p, "");
	first = dump_of(l.s);
	again = conf_text_load(buf_view(&first));
	ck_assert_str_eq(again.messages.p, "");
	second = dump_of(again.s);
	a = values_of(buf_view(&first));
	b = values_of(buf_view(&second));
	ck_assert_str_eq(a.p, b.p);
	for (unsigned i = 0; i < l.s->nroutes; i++) {
		const struct conf_route *x = l.s->routes[i], *y = again.s->routes[i];

		ck_assert_str_eq(x->name.p, y->name.p);
		ck_assert_int_eq(x->policy->max_body, y->policy->max_body);
		ck_assert_int_eq(x->policy->read_timeout_ms, y->policy->read_timeout_ms);
		ck_assert_int_eq(x->policy->retries, y->policy->retries);
	}
	buf_fini(&a);
	buf_fini(&b);
	buf_fini(&first);
	buf_fini(&second);
	conf_text_free(&l);
	conf_text_free(&again);
}
END_TEST

/* A value that a section leaves to its backends is a remark: as a value it would override them. */
START_TEST(dump_of_splits)
{
	struct loaded l = conf_text_load(STR_OF(splits_text)), again;
	struct buf first = dump_of(l.s);

	ck_assert_ptr_nonnull(strstr(first.p, "# for backend app:\n# text:15\n# retries = 5\n"
	    "# for backend canary:\n# text:20\n# retries = 0\n# default\nrequest_buffering"));
	ck_assert_ptr_nonnull(strstr(first.p, "# for backend app:\n# text:3\n"
	    "# connect_timeout = 1s\n# for backend canary:\n# text:19\n# connect_timeout =\n"
	    "# for backend app:\n# default\n# first_byte_timeout = 60s\n"
	    "# for backend canary:\n# default\n# first_byte_timeout = 60s\n"));
	ck_assert_ptr_nonnull(strstr(first.p, "# text:32\nread_timeout = 4s\n"));
	ck_assert_ptr_nonnull(strstr(first.p, "# text:33\nretries =\n"));
	again = conf_text_load(buf_view(&first));
	ck_assert_str_eq(again.messages.p, "");
	ck_splits(again.s);
	buf_fini(&first);
	conf_text_free(&l);
	conf_text_free(&again);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("conf_inherit");
	TCase *inherit = tcase_create("inherit"), *dumps = tcase_create("dump");

	tcase_add_test(inherit, nearest_wins);
	tcase_add_test(inherit, backend_behind_files);
	tcase_add_test(inherit, splits);
	tcase_add_test(inherit, defaults_feed_listens_and_backends);
	tcase_add_test(inherit, several_hosts);
	tcase_add_test(inherit, host_actions);
	tcase_add_test(inherit, overrides);
	suite_add_tcase(suite, inherit);
	tcase_add_test(dumps, dump);
	tcase_add_test(dumps, forget_text);
	tcase_add_test(dumps, policies);
	tcase_add_test(dumps, dump_of_a_dump);
	tcase_add_test(dumps, dump_of_splits);
	suite_add_tcase(suite, dumps);
	return unit_run(suite);
}
