/* What only shows when all sections are read; and that the table and the manual agree. */

#include <ctype.h>
#include <stdio.h>
#include <time.h>

#include "conf/file.h"
#include "conf/table.h"
#include "conf_text.h"
#include "unit.h"

START_TEST(missing_things)
{
	ck_messages(STR_OF("[host h]\n[route r]\npath = /\n[backend b]\n[log l]\n[admin]\n"),
	    "text: there is no [listen] (add one: [listen web] with bind = 8080)\n"
	    "text:1: [host h]: has no names (add names = www.example.com)\n"
	    "text:2: [route r]: does nothing (add backend = NAME, files = DIR, redirect = 301"
	    " URL or respond = 200 \"text\")\n"
	    "text:4: [backend b]: has no servers (add server = HOST:PORT)\n"
	    "text:4: warning: [backend b]: nothing uses it\n"
	    "text:5: [log l]: has no path (add path = /var/log/access.log, stdout, stderr or"
	    " syslog:)\n"
	    "text:5: warning: [log l]: nothing uses it\n"
	    "text:6: [admin]: does nothing (add listen = 127.0.0.1:9000, or socket ="
	    " /run/usherd.sock)\n");
	ck_messages(STR_OF(""), "text: there is no [listen] (add one: [listen web] with bind ="
	    " 8080)\n"
	    "text: warning: there is no [route]: every request gets 404\n");
	ck_messages(STR_OF("[listen a]\n"), "text: warning: there is no [route]: every request gets"
	    " 404\ntext:1: [listen a]: has no address (add bind = 8080)\n");
	ck_messages(STR_OF("[listen web]\nbind = 80\nproxy_protocol = on\n"
	    "[route r]\nrespond = 200\n"),
	    "text:3: warning: [listen web] proxy_protocol: every connection is closed, as no proxy"
	    " is trusted (add trusted_proxies = 192.0.2.1)\n");
}
END_TEST

/* The messages about a file with so many backends of so many servers, warnings left out. */
static void
ck_size(unsigned nbackends, unsigned nservers, const char *want)
{
	struct buf text = { NULL, 0, 0 }, errors = { NULL, 0, 0 };
	struct str rest, line;
	struct loaded l;

	buf_cstr(&text, "[listen web]\nbind = 80\n");
	for (unsigned i = 0; i < nbackends; i++) {
		buf_printf(&text, "[backend b%u]\n", i);
		for (unsigned k = 0; k < nservers; k++)
			buf_printf(&text, "server = 10.0.0.1:%u\n", k + 1);
	}
	l = conf_text_load(buf_view(&text));
	rest = str_of(buf_text(&l.messages));
	while (str_cut(&rest, '\n', &line))
		if (memmem(line.p, line.n, " warning", 8) == NULL && line.n > 0)
			buf_printf(&errors, "%.*s\n", STR_ARG(line));
	ck_assert_str_eq(buf_text(&errors), want);
	buf_fini(&text);
	buf_fini(&errors);
	conf_text_free(&l);
}

START_TEST(sizes)
{
	ck_size(1, 1024, "");
	ck_size(1, 1025, "text:3: [backend b0]: has 1025 servers (at most 1024)\n");
	ck_size(32, 1024, "");
	ck_size(33, 1000, "text: there are 33000 servers in all backends (at most 32768)\n");
	ck_size(16385, 1, "text: there are 16385 backends (at most 16384)\n");
}
END_TEST

START_TEST(references)
{
	ck_messages(STR_OF("[listen web]\nbind = 80\ndefault_host = mian\n"
	    "[host main]\nnames = a.test\nlisten = wbe\n"
	    "[route r]\nhost = main\nbackend = ap\naccess_log = x\n[backend app]\nserver = a:1\n"),
	    "text:3: [listen web] default_host: \"mian\": there is no [host mian] (did you mean"
	    " main?)\n"
	    "text:6: [host main] listen: \"wbe\": there is no [listen wbe] (did you mean web?)\n"
	    "text:9: [route r] backend: \"ap\": there is no [backend ap] (did you mean app?)\n"
	    "text:10: [route r] access_log: \"x\": there is no [log x]\n"
	    "text:11: warning: [backend app]: nothing uses it\n");
}
END_TEST

START_TEST(binds)
{
	const struct conf_listen *a;
	struct loaded l;

	ck_messages(STR_OF("[listen a]\nbind = 127.0.0.1:80 127.0.0.1:80 unix:/x\n"
	    "[listen b]\nbind = unix:/x\nbind = 0.0.0.0:81\n[listen c]\nbind = 127.0.0.1:81\n"
	    "[admin]\nlisten = 127.0.0.1:80\n[route r]\nrespond = 204\n"),
	    "text:2: [listen a] bind: 127.0.0.1:80 is taken by 127.0.0.1:80 at text:2\n"
	    "text:4: [listen b] bind: unix:/x is taken by unix:/x at text:2\n"
	    "text:7: [listen c] bind: 127.0.0.1:81 is taken by 0.0.0.0:81 at text:5\n"
	    "text:9: [admin] listen: 127.0.0.1:80 is taken by 127.0.0.1:80 at text:2\n");
	/* The wider address of the same section takes the connections of the others. */
	l = conf_text_load(STR_OF("[listen a]\nbind = 127.0.0.1:443 443\nbind = [::]:443"
	    " 0.0.0.0:443\n"
	    "bind = 127.0.0.1:444\n[route r]\nrespond = 204\n"));
	ck_assert_str_eq(l.messages.p, "");
	a = l.s->listens[0];
	ck_assert_uint_le(a->nbinds, 3);
	ck_assert_str_eq(a->binds[a->nbinds - 1].text.p, "127.0.0.1:444");
	conf_text_free(&l);
}
END_TEST

START_TEST(host_names)
{
	ck_messages(STR_OF("[listen a]\nbind = 1\n[listen b]\nbind = 2\n"
	    "[host one]\nnames = A.test b.test. b\303\274cher.test\nlisten = a\nrespond = 204\n"
	    "[host two]\nnames = a.TEST\nlisten = b\nrespond = 204\n"
	    "[host three]\nnames = b.test xn--bcher-kva.test\nrespond = 204\n"
	    "[host four]\nnames = http://x *.*.test a..b c:80 \"\" \377.test\nrespond = 204\n"),
	    "text:14: [host three] names: b.test is a name of [host one] at text:6 already\n"
	    "text:14: [host three] names: xn--bcher-kva.test is a name of [host one] at text:6"
	    " already\n"
	    "text:17: [host four] names: \"http://x\" is no name of a host (use www.example.com or"
	    " *.example.com, without scheme and port)\n"
	    "text:17: [host four] names: \"*.*.test\" is no name of a host (use www.example.com or"
	    " *.example.com, without scheme and port)\n"
	    "text:17: [host four] names: \"a..b\" is no name of a host (use www.example.com or"
	    " *.example.com, without scheme and port)\n"
	    "text:17: [host four] names: \"c:80\" is no name of a host (use www.example.com or"
	    " *.example.com, without scheme and port)\n"
	    "text:17: [host four] names: \"\" is no name of a host (use www.example.com or"
	    " *.example.com, without scheme and port)\n"
	    "text:17: [host four] names: \"\377.test\" is no name of a host (use www.example.com or"
	    " *.example.com, without scheme and port)\n");
}
END_TEST

START_TEST(identical_routes)
{
	ck_messages(STR_OF("[listen a]\nbind = 1\n"
	    "[route a]\npath = /x/* /y\nmethod = GET\nmethod = PUT\nrespond = 204\n"
	    "[route b]\npath = /y /%78/*\nmethod = PUT GET\nrespond = 204\n"
	    "[route c]\npath = /y /x/*\nmethod = PUT\nrespond = 204\n"
	    "[route d]\nheader = a\nrespond = 204\n[route e]\ncookie = a\nrespond = 204\n"
	    "[route f]\nheader = A\nrespond = 204\n"
	    "[route g]\npath = nope /x/*\nmethod = PUT GET\nrespond = 204\n"),
	    "text:8: [route b]: has the same conditions as [route a] at text:3 (change or remove"
	    " one)\n"
	    "text:22: [route f]: has the same conditions as [route d] at text:16 (change or remove"
	    " one)\n"
	    "text:26: [route g] path: \"nope\" is no path (begin with /; for patterns use"
	    " path_regex)\n");
}
END_TEST

START_TEST(unserved_hosts)
{
	ck_messages(STR_OF("[listen a]\nbind = 1\n[host one]\nnames = one.test\n"
	    "[host two]\nnames = two.test\n[route r]\nhost = two\nrespond = 204\n"),
	    "text:3: warning: [host one]: no route serves it\n");
}
END_TEST

START_TEST(two_actions)
{
	ck_messages(STR_OF("[listen a]\nbind = 1\n[route a]\nrespond = 204\nredirect = 301 /\n"),
	    "text:5: [route a] redirect: there is an action already, respond at text:4 (choose"
	    " one)\n");
}
END_TEST

START_TEST(later_keys_are_unknown)
{
	ck_messages(STR_OF("[listen a]\nbind = 1\ntls = off\nprotocols = h2\nacme = x\n"
	    "[route a]\nrespond = 204\ncache = x\nlimit = y\n"),
	    "text:4: [listen a] protocols: \"h2\": this version speaks only HTTP/1 (only h1)\n"
	    "text:5: [listen a] acme: unknown key\n"
	    "text:8: [route a] cache: unknown key (this version has no cache)\n"
	    "text:9: [route a] limit: unknown key\n");
}
END_TEST

/* What is read for each name must not grow with the number of names. */
START_TEST(many_hosts)
{
	struct buf b;
	struct loaded l;
	clock_t start;

	buf_init(&b);
	buf_cstr(&b, "[listen a]\nbind = 8080\n[backend b]\nserver = a:1\n");
	for (int i = 0; i < 10000; i++)
		buf_printf(&b, "[host h%d]\nnames = h%d.test\n[route r%d]\nhost = h%d\npath = /*\n"
		    "backend = b\n", i, i, i, i);
	start = clock();
	l = conf_text_load(buf_view(&b));
	ck_assert_str_eq(l.messages.p, "");
	ck_assert_uint_eq(l.s->nroutes, 10000);
	ck_assert_int_lt(clock() - start, 5 * CLOCKS_PER_SEC);
	conf_text_free(&l);
	buf_fini(&b);
}
END_TEST

/* The text of the manual between the heading of a section and the next one. */
static struct str
manual_section(struct str manual, const char *kind)
{
	char heading[32] = "\n.Sh ";
	char *p, *end;
	size_t n = strlen(heading);

	for (const char *c = kind; *c != '\0'; c++)
		heading[n++] = (char)toupper((unsigned char)*c);
	strcpy(heading + n, "\n");
	p = strstr(manual.p, heading);
	ck_assert_msg(p != NULL, "the manual has no section %s", kind);
	end = strstr(p + 1, "\n.Sh ");
	return end != NULL ? str_make(p, (size_t)(end - p)) : str_of(p);
}

/* Where the manual explains a directive: at its own section, or at [route] for all who take it. */
START_TEST(manual)
{
	struct arena arena;
	const char *why = NULL;
	struct str text;

	arena_init(&arena);
	text = conf_file_read(&arena, "man/usherd.ini.5", 1 << 20, &why);
	ck_assert_msg(text.p != NULL, "man/usherd.ini.5: %s", why);
	for (unsigned i = 0; i < conf_ndirectives; i++) {
		const struct conf_directive *row = &conf_directives[i];
		unsigned kind = row->owner == OWNER_POLICY ? KIND_ROUTE : row->owner;
		struct str section = manual_section(text, conf_kind_names[kind].p);
		char item[64], *at;

		snprintf(item, sizeof(item), "\n.It Ic %s ", row->key.p);
		at = strstr(section.p, item);
		ck_assert_msg(at != NULL && at < section.p + section.n, "[%s] %s is not in the"
		    " manual",
		    conf_kind_names[kind].p, row->key.p);
		/* Directories are chosen when building. */
		if (row->def == NULL || row->def[0] == '/')
			continue;
		snprintf(item, sizeof(item), "\n.Li %s .", row->def);
		ck_assert_msg(strstr(at, item) != NULL, "the manual has another default for %s",
		    row->key.p);
	}
	arena_fini(&arena);
}
END_TEST

START_TEST(examples)
{
	static const char *const files[] = {
		"etc/usherd.ini", "etc/usherd.minimal.ini", "etc/demo.ini",
	};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct loaded l = conf_text_load_file(files[i]);

		ck_assert_str_eq(l.messages.p, "");
		conf_text_free(&l);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("conf_verify");
	TCase *verify = tcase_create("verify");

	tcase_add_test(verify, missing_things);
	tcase_add_test(verify, sizes);
	tcase_add_test(verify, references);
	tcase_add_test(verify, binds);
	tcase_add_test(verify, host_names);
	tcase_add_test(verify, identical_routes);
	tcase_add_test(verify, unserved_hosts);
	tcase_add_test(verify, two_actions);
	tcase_add_test(verify, later_keys_are_unknown);
	tcase_add_test(verify, many_hosts);
	tcase_add_test(verify, manual);
	tcase_add_test(verify, examples);
	tcase_set_timeout(verify, 30);
	suite_add_tcase(suite, verify);
	return unit_run(suite);
}
