/* target.c: request targets and normal paths. */

#include "unit.h"

#include "http/target.h"

static struct arena arena;

static void
setup(void)
{
	arena_init(&arena);
}

static void
teardown(void)
{
	arena_fini(&arena);
}

/* Absent and empty are not the same. */
static void
check_str(struct str got, const char *want)
{
	ck_assert((got.p == NULL) == (want == NULL));
	if (want != NULL)
		ck_assert_str_eq(arena_str(&arena, got).p, want);
}

static const struct {
	const char *text;
	int form;			/* -1: refused */
	const char *authority, *path, *query;
} targets[] = {
	{ "/", TARGET_ORIGIN, NULL, "/", NULL },
	{ "/a/b?c=d?e", TARGET_ORIGIN, NULL, "/a/b", "c=d?e" },
	{ "/?", TARGET_ORIGIN, NULL, "/", "" },
	{ "//a//b", TARGET_ORIGIN, NULL, "//a//b", NULL },
	{ "/a|b{c}^\"<>`", TARGET_ORIGIN, NULL, "/a|b{c}^\"<>`", NULL },
	{ "/http://x/", TARGET_ORIGIN, NULL, "/http://x/", NULL },
	{ "*", TARGET_ASTERISK, NULL, "*", NULL },
	{ "http://a.test/p?q", TARGET_ABSOLUTE, "a.test", "/p", "q" },
	{ "HTTPS://a.test:8443/", TARGET_ABSOLUTE, "a.test:8443", "/", NULL },
	{ "http://a.test", TARGET_ABSOLUTE, "a.test", "/", NULL },
	{ "http://a.test?q=/", TARGET_ABSOLUTE, "a.test", "/", "q=/" },
	{ "http://[::1]:80?", TARGET_ABSOLUTE, "[::1]:80", "/", "" },
	{ "", -1, NULL, NULL, NULL },
	{ "a", -1, NULL, NULL, NULL },
	{ "?q", -1, NULL, NULL, NULL },
	{ "**", -1, NULL, NULL, NULL },
	{ "*?q", -1, NULL, NULL, NULL },
	{ "a.test:443", -1, NULL, NULL, NULL },
	{ "/a b", -1, NULL, NULL, NULL },
	{ "/a\tb", -1, NULL, NULL, NULL },
	{ "/a\x7f", -1, NULL, NULL, NULL },
	{ "/\xc3\xa4", -1, NULL, NULL, NULL },
	{ "/a#b", -1, NULL, NULL, NULL },
	{ "/a\\b", -1, NULL, NULL, NULL },
	{ "http://", -1, NULL, NULL, NULL },
	{ "http:///a", -1, NULL, NULL, NULL },
	{ "http://?q", -1, NULL, NULL, NULL },
	{ "http://u@a.test/", -1, NULL, NULL, NULL },
	{ "http://u:p@a.test/", -1, NULL, NULL, NULL },
	{ "http://a.test:80:80/", -1, NULL, NULL, NULL },
	{ "http://a.test\\@b.test/", -1, NULL, NULL, NULL },
	{ "ftp://a.test/", -1, NULL, NULL, NULL },
	{ "http:/a", -1, NULL, NULL, NULL },
};

static const struct {
	const char *text, *gives;
} origin_forms[] = {
	{ "/", "/" },
	{ "//a/../b%2f?c=d?e", "//a/../b%2f?c=d?e" },
	{ "*", "*" },
	{ "http://a.test/p/../q%2f?q", "/p/../q%2f?q" },
	{ "https://a.test/", "/" },
	{ "http://a.test", "/" },
	{ "http://a.test?", "/?" },
	{ "http://a.test?q=/&r=?", "/?q=/&r=?" },
	/* What is refused is not taken apart any further. */
	{ "http://u@a.test/p", "http://u@a.test/p" },
	{ "a.test:443", "a.test:443" },
	{ "", "" },
};

START_TEST(origin_form)
{
	struct str text = str_of(origin_forms[_i].text);
	struct target t;

	(void)target_parse(&t, text);
	check_str(target_origin_form(&arena, &t, text), origin_forms[_i].gives);
}
END_TEST

START_TEST(parse)
{
	struct target t;
	bool ok = target_parse(&t, str_of(targets[_i].text));

	ck_assert(ok == (targets[_i].form >= 0));
	if (!ok)
		return;
	ck_assert_int_eq((int)t.form, targets[_i].form);
	check_str(t.authority, targets[_i].authority);
	check_str(t.path, targets[_i].path);
	check_str(t.query, targets[_i].query);
}
END_TEST

static const struct {
	struct str text;
	const char *host;		/* NULL: refused */
	unsigned port;
} authorities[] = {
	{ STR("a.test"), "a.test", 0 },
	{ STR("a.test."), "a.test", 0 },
	{ STR("A.Test:8080"), "A.Test", 8080 },
	{ STR("a.test.:1"), "a.test", 1 },
	{ STR("a.test:"), "a.test", 0 },
	{ STR("127.0.0.1:65535"), "127.0.0.1", 65535 },
	{ STR("[::1]"), "::1", 0 },
	{ STR("[2001:DB8::1]:443"), "2001:DB8::1", 443 },
	{ STR("[::ffff:192.0.2.1]"), "::ffff:192.0.2.1", 0 },
	{ STR("[v1.fe80::a+en1]"), "[v1.fe80::a+en1]", 0 },
	{ STR("[V9aF.x]:80"), "[V9aF.x]", 80 },
	{ STR("[v1.a.test]"), "[v1.a.test]", 0 },
	{ STR("[v.x]"), NULL, 0 },
	{ STR("[v1.]"), NULL, 0 },
	{ STR("[v1]"), NULL, 0 },
	{ STR("[vg.x]"), NULL, 0 },
	{ STR("[1.x]"), NULL, 0 },
	{ STR("[v1.a/b]"), NULL, 0 },
	{ STR("[v1.a%41]"), NULL, 0 },
	{ STR("[v1.a@b]"), NULL, 0 },
	{ STR("[v1.x]y"), NULL, 0 },
	{ STR("[v1.x"), NULL, 0 },
	{ STR("x_y-z~1"), "x_y-z~1", 0 },
	{ STR(""), NULL, 0 },
	{ STR(":80"), NULL, 0 },
	{ STR("a.test:65536"), NULL, 0 },
	{ STR("a.test:8o"), NULL, 0 },
	{ STR("a.test:-1"), NULL, 0 },
	{ STR("a.test:80:80"), NULL, 0 },
	{ STR("a.test, b.test"), NULL, 0 },
	{ STR("a.test,b.test"), NULL, 0 },
	{ STR("a test"), NULL, 0 },
	{ STR("u@a.test"), NULL, 0 },
	{ STR("a.test/x"), NULL, 0 },
	{ STR("a.test?x"), NULL, 0 },
	{ STR("a.test#x"), NULL, 0 },
	{ STR("a\"b"), NULL, 0 },
	{ STR("a\0b"), NULL, 0 },
	{ STR("\xc3\xa4.test"), NULL, 0 },
	{ STR("::1"), NULL, 0 },
	{ STR("["), NULL, 0 },
	{ STR("[]"), NULL, 0 },
	{ STR("[::1"), NULL, 0 },
	{ STR("[::1]x"), NULL, 0 },
	{ STR("[::1]80"), NULL, 0 },
	{ STR("[::1]:x"), NULL, 0 },
	{ STR("[::1%25eth0]"), NULL, 0 },
	{ STR("[::1\0]"), NULL, 0 },
	{ STR("[127.0.0.1]"), NULL, 0 },
	{ STR("[a.test]"), NULL, 0 },
	{ STR("[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]"), NULL, 0 },
};

START_TEST(authority)
{
	struct str host;
	uint16_t port;
	bool ok = target_authority(authorities[_i].text, &host, &port);

	ck_assert(ok == (authorities[_i].host != NULL));
	if (ok) {
		check_str(host, authorities[_i].host);
		ck_assert_uint_eq(port, authorities[_i].port);
	}
}
END_TEST

static const struct {
	const char *path;
	const char *normal;		/* NULL: refused */
} paths[] = {
	{ "/", "/" },
	{ "/a/b", "/a/b" },
	{ "/a/", "/a/" },
	{ "//", "/" },
	{ "//a///b//", "/a/b/" },
	{ "/.", "/" },
	{ "/./", "/" },
	{ "/a/.", "/a/" },
	{ "/a/./b", "/a/b" },
	{ "/a/..", "/" },
	{ "/a/../", "/" },
	{ "/a/../b", "/b" },
	{ "/a/b/..", "/a/" },
	{ "/a/b/../..", "/" },
	{ "/a/b/../../c/./d", "/c/d" },
	{ "/a//../b", "/b" },
	{ "/...", "/..." },
	{ "/.a/..b/c..", "/.a/..b/c.." },
	{ "/a./b", "/a./b" },
	{ "/..", NULL },
	{ "/../", NULL },
	{ "/../a", NULL },
	{ "/a/../..", NULL },
	{ "/a/../../b", NULL },
	{ "/./..", NULL },
	{ "//..", NULL },
	{ "/%61%7e%2D", "/a~-" },
	{ "/a%20b%22", "/a b\"" },
	{ "/%3f%23", "/?#" },
	{ "/%c3%a4", "/\xc3\xa4" },
	{ "/%0d%0a%7f", "/\r\n\x7f" },
	{ "/a%2fb%5c", "/a%2Fb%5C" },
	{ "/%25", "/%25" },
	{ "/%252e%252e/", "/%252e%252e/" },
	{ "/a/%2e%2E/b", "/b" },
	{ "/a/.%2e", "/" },
	{ "/%2e/a", "/a" },
	{ "/%2e%2e/a", NULL },
	{ "/a/%2e%2e%2fb", "/a/..%2Fb" },
	{ "/%00", NULL },
	{ "/a%00b", NULL },
	{ "/%", NULL },
	{ "/%4", NULL },
	{ "/%4g", NULL },
	{ "/%g4", NULL },
	{ "/%%41", NULL },
	{ "/% 41", NULL },
	{ "/%u0041", NULL },
};

START_TEST(normalise)
{
	struct str path = str_of(paths[_i].path);
	struct str normal = target_normalise(&arena, path);

	check_str(normal, paths[_i].normal);
	if (normal.p != NULL)
		check_str(target_normalise(&arena, normal), paths[_i].normal);
}
END_TEST

/* The common path costs nothing. */
START_TEST(normal_is_not_copied)
{
	struct str path = STR_OF("/static/js/app-1.2.min.js");

	ck_assert_ptr_eq(target_normalise(&arena, path).p, path.p);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("target");
	TCase *tc = tcase_create("target");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, parse, 0, ARRAY_LEN(targets));
	tcase_add_loop_test(tc, origin_form, 0, ARRAY_LEN(origin_forms));
	tcase_add_loop_test(tc, authority, 0, ARRAY_LEN(authorities));
	tcase_add_loop_test(tc, normalise, 0, ARRAY_LEN(paths));
	tcase_add_test(tc, normal_is_not_copied);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
