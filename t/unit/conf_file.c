/* The lexical rules, and the traps of libinih closed. */

#include <stdio.h>
#include <unistd.h>

#include "conf_text.h"
#include "unit.h"

START_TEST(long_lines)
{
	struct buf b;
	struct loaded l;

	buf_init(&b);
	buf_cstr(&b, "[host h]\nnames =");
	for (int i = 0; i < 5000; i++)
		buf_printf(&b, " host%d.example.com", i);
	buf_cstr(&b, REST);
	l = conf_text_load(buf_view(&b));
	ck_assert_ptr_nonnull(l.s);
	ck_assert_uint_eq(l.s->hosts[0]->names.n, 5000);
	ck_assert_str_eq(l.s->hosts[0]->names.v[4999].p, "host4999.example.com");
	conf_text_free(&l);
	buf_fini(&b);
}
END_TEST

START_TEST(indented_lines_are_lines)
{
	struct loaded l = conf_text_load(STR_OF("  [global]\n\tworkers = 3\n   max_connections ="
	    " 5\n"
	    "  # a comment\n" REST));

	ck_assert_ptr_nonnull(l.s);
	ck_assert_uint_eq(l.s->global.workers, 3);
	ck_assert_uint_eq(l.s->global.max_connections, 5);
	conf_text_free(&l);
}
END_TEST

START_TEST(semicolons_are_text)
{
	struct loaded l = conf_text_load(STR_OF("[log a]\npath = stdout\nformat = $status ; $uri #"
	    " x\n"
	    "[defaults]\naccess_log = a\n" REST));

	ck_assert_ptr_nonnull(l.s);
	ck_assert_str_eq(l.s->logs[0]->template_text.p, "$status ; $uri # x");
	conf_text_free(&l);
}
END_TEST

START_TEST(colons_are_text)
{
	ck_messages(STR_OF("[global]\nworkers: 3\nworkers:x = 4\n" REST),
	    "text:2: \"workers: 3\": no = in the line (write key = value)\n"
	    "text:3: \"workers:x\": not a key (write key = value)\n");
}
END_TEST

START_TEST(line_ends)
{
	struct loaded l = conf_text_load(STR_OF("\xef\xbb\xbf[listen web]\r\nbind = 8080\r\n"
	    "[route all]\r\nrespond = 200 \"hi\"\t \r\npath = /*"));

	ck_assert_str_eq(l.messages.p, "");
	ck_assert_str_eq(l.s->routes[0]->respond_text.p, "hi");
	ck_assert_str_eq(l.s->routes[0]->paths[0].text.p, "");
	conf_text_free(&l);
}
END_TEST

START_TEST(control_bytes)
{
	ck_messages(STR_OF("[global]\nworkers = 1\0 0\nlog_level = \x1b[1m\n# \x01\n" REST),
	    "text:2: the line has a NUL or another control byte\n"
	    "text:3: the line has a NUL or another control byte\n"
	    "text:4: the line has a NUL or another control byte\n");
}
END_TEST

START_TEST(headings)
{
	ck_messages(STR_OF("key = 1\n[global\nworkers = 0\n[global] # all\nworkers = 0\n"
	    "[ global ]\n[global]\nworkers = 0\n[]\n[route ;x]\n[route]\n[route a b]\n[global x]\n"
	    "[cache c]\nmemory = 1\n[bakcend x]\n"
	    "[route a12345678901234567890123456789012]\n" REST),
	    "text:1: key: stands before the first [section]\n"
	    "text:2: \"[global\": no ] at the end\n"
	    "text:4: [global] \"# all\": nothing may follow the ] (a comment is a line of its"
	    " own)\n"
	    "text:7: [global]: stands at text:6 already (a section stands once)\n"
	    "text:8: [global] workers: \"0\" is too small (at least 1)\n"
	    "text:9: []: not a section (write [kind] or [kind name]; names are made of letters,"
	    " digits, _, . and -)\n"
	    "text:10: [route ;x]: not a section (write [kind] or [kind name]; names are made of"
	    " letters, digits, _, . and -)\n"
	    "text:11: [route]: has no name (write [route NAME])\n"
	    "text:12: [route a b]: has more than one name\n"
	    "text:13: [global x]: takes no name (write [global])\n"
	    "text:14: [cache c]: unknown section\n"
	    "text:16: [bakcend x]: unknown section (did you mean backend?)\n"
	    "text:17: [route a12345678901234567890123456789012]: the name is too long (at most 32"
	    " letters)\n");
}
END_TEST

START_TEST(long_names)
{
	ck_messages(STR_OF("[global]\n"
	    "workers_workers_workers_workers_workers_workers_workers = 1\n"
	    "[route 1234567890123456789012345678901234567890123456789012]\n" REST),
	    "text:2: workers_workers_workers_workers_workers_workers_workers: unknown key\n"
	    "text:3: [route 1234567890123456789012345678901234567890123456789012]: too long\n");
}
END_TEST

START_TEST(keys)
{
	ck_messages(STR_OF("[global]\n= 1\nwork ers = 2\nwrokers = 3\nbind = 80\nworkers = 1\n"
	    "workers = 2\nuser =\n" REST),
	    "text:2: \"\": not a key (write key = value)\n"
	    "text:3: \"work ers\": not a key (write key = value)\n"
	    "text:4: [global] wrokers: unknown key (did you mean workers?)\n"
	    "text:5: [global] bind: does not belong here (but in [listen])\n"
	    "text:7: [global] workers: stands at text:6 already (the key is no list)\n"
	    "text:8: [global] user: has no value\n");
}
END_TEST

START_TEST(quotes)
{
	struct loaded l = conf_text_load(STR_OF("[listen web]\nbind = 8080\n[route all]\n"
	    "respond = 200 text/html \"a \\\"b\\\" \\\\ c\\n\\d\"\n"));

	ck_assert_str_eq(l.messages.p, "");
	ck_assert_str_eq(l.s->routes[0]->respond_type.p, "text/html");
	ck_assert_str_eq(l.s->routes[0]->respond_text.p, "a \"b\" \\ c\n\\d");
	conf_text_free(&l);
	ck_messages(STR_OF("[listen web]\nbind = 8080\n[route all]\nrespond = 200 \"open\n"),
	    "text:4: [route all] respond: a \" is not closed\n");
}
END_TEST

/* A directory with files, for what is read from disk. */
static char dir[64];

static void
write_file(const char *name, const char *content)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(content, f);
	fclose(f);
}

static struct loaded
load_main(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/main.ini", dir);
	return conf_text_load_file(path);
}

static void
setup(void)
{
	strcpy(dir, "/tmp/usherd-conf-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void
teardown(void)
{
	static const char *const names[] = {
		"main.ini", "a.ini", "b.ini", "secret", "two-lines", "page.html",
	};
	char path[128];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

/* Messages with DIR for the directory. */
static void
ck_main(const char *wanted)
{
	struct loaded l = load_main();
	struct buf b;
	char *p = l.messages.p, *at;

	buf_init(&b);
	while ((at = strstr(p, dir)) != NULL) {
		buf_add(&b, p, (size_t)(at - p));
		buf_cstr(&b, "DIR");
		p = at + strlen(dir);
	}
	buf_cstr(&b, p);
	ck_assert_str_eq(buf_text(&b), wanted);
	buf_fini(&b);
	conf_text_free(&l);
}

START_TEST(includes)
{
	write_file("main.ini", "[global]\ninclude = [ab].ini none*.ini\n" REST);
	write_file("a.ini", "[global]\nworkers = 0\n");
	write_file("b.ini", "\n[host b]\nnames = b_.test\nbind = 80\n");
	ck_main("DIR/a.ini:1: [global]: stands at DIR/main.ini:1 already (a section stands once)\n"
	    "DIR/a.ini:2: [global] workers: \"0\" is too small (at least 1)\n"
	    "DIR/b.ini:4: [host b] bind: does not belong here (but in [listen])\n");
	write_file("main.ini", "[global]\ninclude = b.ini\ninclude = ./b.ini main.ini"
	    " no.ini\n" REST);
	write_file("b.ini", "[host b]\nnames = b_.test\n");
	ck_main("DIR/main.ini:3: [global] include: DIR/./b.ini is read already (each file is read"
	    " once)\n"
	    "DIR/main.ini:3: [global] include: DIR/main.ini is read already (each file is read"
	    " once)\n"
	    "DIR/main.ini:3: [global] include: DIR/no.ini: No such file or directory\n");
}
END_TEST

START_TEST(environment)
{
	struct loaded l;
	struct buf dump;

	setenv("CONF_TEST", "10m", 1);
	unsetenv("CONF_NONE");
	write_file("main.ini", "[defaults]\nmax_body = ${CONF_TEST}\nadd_prefix = /$$x\n"
	    "[route r]\npath = /r\nrespond = 200 \"$${CONF_TEST} $host ${host} $$\"\n"
	    "[route p]\npath_regex = ${CONF_TEST}$$\nrespond = 204\n" REST);
	l = load_main();
	ck_assert_str_eq(l.messages.p, "");
	ck_assert_int_eq(l.s->fallback->policy->max_body, 10 * 1024 * 1024);
	ck_assert_str_eq(l.s->fallback->add_prefix.p, "/$x");
	ck_assert_str_eq(l.s->routes[0]->respond_text.p, "$${CONF_TEST} $host ${host} $$");
	ck_assert_str_eq(l.s->routes[1]->path_regex.v[0].p, "${CONF_TEST}$$");
	buf_init(&dump);
	conf_dump(l.s, &dump);
	ck_assert_ptr_nonnull(strstr(buf_text(&dump), "\nmax_body = ${CONF_TEST}\n"));
	ck_assert_ptr_null(strstr(buf_text(&dump), "10m"));
	buf_fini(&dump);
	conf_text_free(&l);

	write_file("main.ini", "[defaults]\nmax_body = ${CONF_NONE}\nretries ="
	    " ${CONF_TEST}\n" REST);
	ck_main("DIR/main.ini:2: [defaults] max_body: ${CONF_NONE} is not set in the environment\n"
	    "DIR/main.ini:3: [defaults] retries: \"${CONF_TEST}\" is no number (use digits)\n");

	setenv("CONF_TEST", "", 1);
	write_file("main.ini", "[defaults]\nmax_body = ${CONF_TEST}\n" REST);
	ck_main("DIR/main.ini:2: [defaults] max_body: has no value (\"${CONF_TEST}\" is empty)\n");

	setenv("CONF_TEST", "hidden#", 1);
	write_file("main.ini", "[defaults]\nrewrite = a ${CONF_TEST}\nrewrite = a /${CONF_TEST}\n"
	    REST);
	ck_main("DIR/main.ini:2: [defaults] rewrite: \"${CONF_TEST}\" is no path (begin with / or a"
	    " variable; for other hosts use redirect or backend)\n"
	    "DIR/main.ini:3: [defaults] rewrite: \"/${CONF_TEST}\": servers get no fragment (leave"
	    " out the #)\n");
}
END_TEST

START_TEST(secret_files)
{
	char text[512];

	write_file("secret", "hidden value\n");
	write_file("two-lines", "a\nb\n");
	snprintf(text, sizeof(text), "[defaults]\nmax_body = @%s/secret\nretries = @%s/two-lines\n"
	    "read_timeout = @/nonexistent/file\n" REST, dir, dir);
	write_file("main.ini", text);
	ck_main("DIR/main.ini:2: [defaults] max_body: \"@DIR/secret\" is no size (use bytes, or a"
	    " number and k, m or g: 16m, or off)\n"
	    "DIR/main.ini:3: [defaults] retries: @DIR/two-lines: has more than one line\n"
	    "DIR/main.ini:4: [defaults] read_timeout: @/nonexistent/file: No such file or"
	    " directory\n");
}
END_TEST

START_TEST(error_pages)
{
	struct loaded l;
	char text[512];

	write_file("page.html", "<h1>gone</h1>");
	snprintf(text, sizeof(text), "[defaults]\nerror_page = 502 503 %s/page.html\n" REST, dir);
	write_file("main.ini", text);
	l = load_main();
	ck_assert_str_eq(l.messages.p, "");
	ck_assert_uint_eq(l.s->routes[0]->policy->nerror_pages, 2);
	ck_assert_int_eq(l.s->routes[0]->policy->error_pages[1]->status, 503);
	ck_assert_str_eq(l.s->routes[0]->policy->error_pages[1]->content.p, "<h1>gone</h1>");
	conf_text_free(&l);
	snprintf(text, sizeof(text), "[defaults]\nerror_page = 502 502 %s/page.html\n"
	    "error_page = 200 %s/page.html\nerror_page = 404 /nonexistent\n" REST, dir, dir);
	write_file("main.ini", text);
	ck_main("DIR/main.ini:2: [defaults] error_page: 502 has a page already\n"
	    "DIR/main.ini:3: [defaults] error_page: \"200\" is no status of an error (use 400 to"
	    " 599)\n"
	    "DIR/main.ini:4: [defaults] error_page: /nonexistent: cannot be read: No such file or"
	    " directory\n");
}
END_TEST

START_TEST(no_file)
{
	ck_main("DIR/main.ini: cannot be read: No such file or directory\n");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("conf_file");
	TCase *text = tcase_create("text"), *files = tcase_create("files");

	tcase_add_test(text, long_lines);
	tcase_add_test(text, indented_lines_are_lines);
	tcase_add_test(text, semicolons_are_text);
	tcase_add_test(text, colons_are_text);
	tcase_add_test(text, line_ends);
	tcase_add_test(text, control_bytes);
	tcase_add_test(text, headings);
	tcase_add_test(text, long_names);
	tcase_add_test(text, keys);
	tcase_add_test(text, quotes);
	suite_add_tcase(suite, text);
	tcase_add_checked_fixture(files, setup, teardown);
	tcase_add_test(files, includes);
	tcase_add_test(files, environment);
	tcase_add_test(files, secret_files);
	tcase_add_test(files, error_pages);
	tcase_add_test(files, no_file);
	suite_add_tcase(suite, files);
	return unit_run(suite);
}
