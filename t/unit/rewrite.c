/* rewrite.c: the target that goes to the server. */

#include "unit.h"

#include <stdio.h>

#include "base/check.h"
#include "fixture.h"
#include "proxy/route/rewrite.h"

static const struct {
	const char *target;
	const char *strip, *add;	/* "": none */
	const char *gives;
} cases[] = {
	/* Without a rewrite: byte for byte. */
	{ "/a/../b//%7e?q#", "", "", NULL },
	{ "/a/../b//%7e%2f?q=/../", "", "", "/a/../b//%7e%2f?q=/../" },
	{ "/a?", "", "", "/a?" },
	{ "http://b.test/a//b?q", "", "", "/a//b?q" },
	{ "http://b.test", "", "", "/" },
	{ "http://b.test?q", "", "", "/?q" },
	{ "*", "", "", "*" },
	{ "*", "/a", "/b", "*" },
	{ "/a/b", "/a", "", "/b" },
	{ "/a", "/a", "", "/" },
	{ "/a/", "/a", "", "/" },
	{ "/a?q", "/a", "", "/?q" },
	{ "/a?", "/a", "", "/?" },
	{ "/ab", "/a", "", "/ab" },
	{ "/b/a", "/a", "", "/b/a" },
	{ "/A/b", "/a", "", "/A/b" },
	{ "/a/b/c", "/a/b", "", "/c" },
	{ "/x", "", "/v1", "/v1/x" },
	{ "/", "", "/v1", "/v1/" },
	{ "/a/x?q", "/a", "/v1", "/v1/x?q" },
	{ "/a", "/a", "/v1", "/v1/" },
	{ "http://b.test/a/x", "/a", "/v1", "/v1/x" },
	/* The path is the one that the route was chosen by. */
	{ "/x/../a//./b", "/a", "", "/b" },
	{ "/%61/b", "/a", "", "/b" },
	{ "/a/%2e%2e/a/b", "/a", "", "/b" },
	{ "/a%2Fb", "/a", "", "/a%2Fb" },
	{ "/a/b%2fc%25%5c", "/a", "", "/b%2Fc%25%5C" },
	/* What a path cannot hold is escaped again. */
	{ "/a/%3fq%23f", "/a", "", "/%3Fq%23f" },
	{ "/a/%20%22%3c%7f%c3%a4%0d%0a", "/a", "", "/%20%22%3C%7F%C3%A4%0D%0A" },
	{ "/a/|{}", "/a", "", "/%7C%7B%7D" },
	{ "/a/-._~!$&'()*+,;=:@", "/a", "", "/-._~!$&'()*+,;=:@" },
	{ "/a/b?%20../#", "/a", "", NULL },
	{ "/a/b?%2e%2e/\"", "/a", "", "/b?%2e%2e/\"" },
};

START_TEST(rewrites)
{
	struct fixture f;
	struct request *r = &f.stream.request;
	struct str got;

	fixture_init(&f);
	f.conf.strip_prefix = str_of(cases[_i].strip);
	f.conf.add_prefix = str_of(cases[_i].add);
	f.route.moves = rewrite_is_needed(&f.conf);
	r->raw_target = str_of(cases[_i].target);
	if (!target_parse(&r->target, r->raw_target)) {
		ck_assert_ptr_null(cases[_i].gives);
		fixture_fini(&f);
		return;
	}
	r->path = r->target.form == TARGET_ASTERISK ? r->target.path :
	    target_normalise(&f.stream.arena, r->target.path);
	ck_assert_int_eq(rewrite_uri(&f.x), REWRITE_OK);
	got = f.x.uri;
	ck_assert_str_eq(arena_str(&f.stream.arena, got).p, cases[_i].gives);
	fixture_fini(&f);
}
END_TEST

/* What nothing rewrites goes to servers as it came, but for dots that they could read otherwise. */
static const struct {
	const char *target;
	enum rewrite_result gives;
} dots[] = {
	{ "/x/../admin", REWRITE_OK },
	{ "/x/./y/..", REWRITE_OK },
	{ "/x/../y//z%2f%2e.txt", REWRITE_OK },
	{ "/x%2fy", REWRITE_OK },
	{ "/x%2f..y/...%2f", REWRITE_OK },
	{ "/%2ewell-known/x", REWRITE_OK },
	{ "/x;v=1/y;../z", REWRITE_OK },
	{ "/x//y", REWRITE_OK },
	{ "/x//./y", REWRITE_OK },
	{ "/x/%252e%252e/y", REWRITE_OK },
	{ "/x?y=/..%2fadmin/%2e%2e/", REWRITE_OK },
	{ "http://a.test/x/../y", REWRITE_OK },
	{ "http://a.test?..%2f", REWRITE_OK },
	/* Encoded slashes. */
	{ "/x/..%2fadmin", REWRITE_DOTS },
	{ "/x/..%2Fadmin?q", REWRITE_DOTS },
	{ "/x%2f../admin", REWRITE_DOTS },
	{ "/x/%2f../admin", REWRITE_DOTS },
	{ "/x/..%5cadmin", REWRITE_DOTS },
	{ "/x%5C..%5Cadmin", REWRITE_DOTS },
	{ "/x/.%2f", REWRITE_DOTS },
	{ "/..%2f..%2f", REWRITE_DOTS },
	{ "/x%2f.", REWRITE_DOTS },
	{ "/x%2fy/../admin", REWRITE_DOTS },
	{ "/%2f/../admin", REWRITE_DOTS },
	{ "http://a.test/x/..%2fadmin", REWRITE_DOTS },
	/* Encoded dots. */
	{ "/x/%2e%2e/admin", REWRITE_DOTS },
	{ "/x/.%2E/admin", REWRITE_DOTS },
	{ "/x/%2e./admin", REWRITE_DOTS },
	{ "/x/%2e/admin", REWRITE_DOTS },
	{ "/x/%2e%2e", REWRITE_DOTS },
	{ "/x/%2e%2e%2fadmin", REWRITE_DOTS },
	/* Empty segments, which some servers keep and some do not. */
	{ "/x//../admin", REWRITE_DOTS },
	{ "//../admin", REWRITE_DOTS },
	{ "/x//y/../../admin", REWRITE_DOTS },
	/* Parameters, which some servers drop. */
	{ "/x/..;/admin", REWRITE_DOTS },
	{ "/x/..;v=1/admin", REWRITE_DOTS },
	{ "/x/..%3B/admin", REWRITE_DOTS },
	{ "/x/..%3bv=1/admin", REWRITE_DOTS },
	{ "/x/%2e%2e%3b/admin", REWRITE_DOTS },
	{ "/x/%3b/../admin", REWRITE_DOTS },
	{ "/x/.;/../admin", REWRITE_DOTS },
	{ "/x/y/;v/../admin", REWRITE_DOTS },
};

START_TEST(odd_dots)
{
	static struct conf_backend files_backend;
	struct fixture f;
	struct request *r = &f.stream.request;

	fixture_init(&f);
	f.route.action = ACTION_BACKEND;
	r->raw_target = str_of(dots[_i].target);
	ck_assert(target_parse(&r->target, r->raw_target));
	r->path = target_normalise(&f.stream.arena, r->target.path);
	if (r->path.p == NULL)
		r->path = STR_OF("/");		/* above the root: refused before */
	ck_assert_int_eq(rewrite_uri(&f.x), dots[_i].gives);
	f.policy.encoded_dots = true;
	ck_assert_int_eq(rewrite_uri(&f.x), REWRITE_OK);
	f.policy.encoded_dots = false;
	/* Objects of buckets, files and texts are found by the normalised path. */
	f.route.action = ACTION_BUCKET;
	ck_assert_int_eq(rewrite_uri(&f.x), REWRITE_OK);
	f.route.action = ACTION_FILES;
	f.x.backend = NULL;
	ck_assert_int_eq(rewrite_uri(&f.x), REWRITE_OK);
	f.conf.files_backend = &files_backend;
	ck_assert_int_eq(rewrite_uri(&f.x), dots[_i].gives);
	fixture_fini(&f);
}
END_TEST

/* Behind a prefix of ours, a server that decodes slashes first must not be led out of it. */
static const struct {
	const char *target;
	enum rewrite_result gives;
} climbs[] = {
	{ "/a/..%2fetc", REWRITE_BAD_PATH },
	{ "/a/x%2F..%2Fetc", REWRITE_BAD_PATH },
	{ "/a/x%5c..%5cetc", REWRITE_BAD_PATH },
	{ "/a/x%2f%2e%2e", REWRITE_BAD_PATH },
	{ "/a/%2e%2e%2f", REWRITE_BAD_PATH },
	{ "/a/..;/etc", REWRITE_BAD_PATH },
	{ "/a/x/..%3bv=1/etc", REWRITE_BAD_PATH },
	{ "/a/.;", REWRITE_BAD_PATH },
	{ "/a/x%2f..y", REWRITE_OK },
	{ "/a/x;../..y;", REWRITE_OK },
	{ "/a/...%2f", REWRITE_OK },
	{ "/a/x?y=..%2f", REWRITE_OK },
};

START_TEST(climbers)
{
	struct fixture f;
	struct request *r = &f.stream.request;

	fixture_init(&f);
	f.conf.strip_prefix = STR_OF("/a");
	f.conf.add_prefix = STR_OF("/v1");
	f.route.moves = rewrite_is_needed(&f.conf);
	r->raw_target = str_of(climbs[_i].target);
	ck_assert(target_parse(&r->target, r->raw_target));
	r->path = target_normalise(&f.stream.arena, r->target.path);
	ck_assert_int_eq(rewrite_uri(&f.x), climbs[_i].gives);
	fixture_fini(&f);
}
END_TEST

/* One or two rules; `gives` NULL: refused. */
static const struct {
	const char *pattern, *replacement;
	const char *target;
	const char *gives;
	const char *path;		/* of the result; NULL: not looked at */
} rules[] = {
	/* Groups. */
	{ "^/old/(.*)$", "/new/$1", "/old/a/b", "/new/a/b", "/new/a/b" },
	{ "^/old/(.*)$", "/new/$1", "/other", "/other", "/other" },
	{ "^/(\\w+)/(\\w+)$", "/$2/$1", "/a/b", "/b/a", NULL },
	{ "^/(?<lang>..)/(?<rest>.*)", "/$rest/${lang}x", "/de/a/b", "/a/b/dex", NULL },
	{ "^/(.)(.)(.)(.)(.)(.)(.)(.)(.)$", "/$9$8$7$6$5$4$3$2$1", "/123456789", "/987654321",
	    NULL },
	{ "^/(a)?(b)?$", "/x$1/y$2", "/b", "/x/yb", NULL },
	{ "^/(a)", "/$1$1", "/a", "/aa", NULL },
	{ "^/(a)", "/$12", "/a", "/a2", NULL },
	{ "(a)", "$1", "/xay", "/a", NULL },
	{ "(?i)^/OLD$", "/new", "/oLd", "/new", NULL },
	{ "^", "/front", "/a", "/front", NULL },
	{ "b", "/found", "/abc", "/found", NULL },
	{ "^/x$", "/$$1", "/x", "/$1", NULL },
	{ "^/a$", "/b", "/a/", "/a/", NULL },
	{ "^/a/?$", "/b", "/a/", "/b", NULL },
	/* The query stays, unless the replacement has one. */
	{ "^/a$", "/b", "/a?x=1&y", "/b?x=1&y", NULL },
	{ "^/a$", "/b", "/a?", "/b?", NULL },
	{ "^/a$", "/b?z", "/a?x=1", "/b?z", NULL },
	{ "^/a$", "/b?", "/a?x=1", "/b", NULL },
	{ "^/a$", "/b?$args&z=2", "/a?x=1", "/b?x=1&z=2", NULL },
	{ "^/a$", "/b?z=2&$args", "/a", "/b?z=2&", NULL },
	{ "^/item/(\\d+)$", "/get?id=$1", "/item/7?x", "/get?id=7", NULL },
	{ "^/a$", "/b/$arg_page", "/a?page=c%20d", "/b/c%20d?page=c%20d", "/b/c d" },
	{ "^/a$", "/b?p=$arg_p", "/a?p=1%262", "/b?p=1%262", NULL },
	{ "^/no$", "/b?q", "/a?x=1", "/a?x=1", NULL },
	/* Bytes that a path or query cannot hold as they are. */
	{ "^/a/(.*)", "/b/$1", "/a/%20%22%c3%a4", "/b/%20%22%C3%A4", "/b/ \"\xc3\xa4" },
	{ "^/a/(.*)", "/b/$1", "/a/x%3fy%23z", "/b/x%3Fy%23z", "/b/x?y#z" },
	{ "^/a/(.*)", "/b/$1", "/a/x%0d%0aSet-Cookie:%20a=b", "/b/x%0D%0ASet-Cookie:%20a=b", NULL },
	{ "^/a/(.*)", "/b/$1", "/a/%2f%5c%25", "/b/%2F%5C%25", "/b/%2F%5C%25" },
	{ "^/a/(.*)", "/b/$1", "/a/%252e%252e/x", "/b/%252e%252e/x", NULL },
	{ "^/a/(.*)", "/b?q=$1", "/a/1&x=2", "/b?q=1%26x%3D2", NULL },
	{ "^/a/(.*)", "/b?q=$1", "/a/x%0d%0ay", "/b?q=x%0D%0Ay", NULL },
	{ "^/a/(.*)", "/b?q=$1", "/a/x%23y+z;w", "/b?q=x%23y%2Bz%3Bw", NULL },
	{ "^/a$", "/b c\xc3\xa4", "/a", "/b%20c%C3%A4", "/b c\xc3\xa4" },
	{ "^/a$", "/b?x=<\xc3\xa4>", "/a", "/b?x=%3C%C3%A4%3E", NULL },
	{ "^/a$", "/b%20c", "/a", "/b%20c", "/b c" },
	{ "^/a$", "/$http_x", "/a", "/1%252e%3F%23%0D%0A%252F", NULL },
	{ "^/a$", "/?$http_x", "/a", "/?1%252e?%23%0D%0A%252F", NULL },
	/* Nothing from outside makes a dot segment, a host, or a path that is none. */
	{ "^/a/(.*)", "/b/$1/c", "/a/x/../..", "/a/x/../..", NULL },
	{ "^/a(.*)b$", "/x/$1/y", "/a..b", NULL, NULL },
	{ "^/a(.*)b$", "/x/$1/y", "/a.b", NULL, NULL },
	{ "^/a(.*)b$", "/x/.$1/y", "/a.b", NULL, NULL },
	{ "^/a(.*)b$", "/x/$1/y", "/a...b", "/x/.../y", NULL },
	{ "^/a$", "/files/$arg_f", "/a?f=../../etc/passwd", NULL, NULL },
	{ "^/a$", "/files/$arg_f", "/a?f=%2e%2e/%2E./etc", NULL, NULL },
	{ "^/a$", "/files/$arg_f", "/a?f=..%2fetc", NULL, NULL },
	{ "^/a$", "/files/$arg_f", "/a?f=x%2f%2E%2e%5Cetc", NULL, NULL },
	{ "^/a$", "/files/$arg_f", "/a?f=x%2f..y%2fz", "/files/x%2F..y%2Fz?f=x%2f..y%2fz", NULL },
	{ "^/a$", "/files/$arg_f", "/a?f=%252e%252e/x", "/files/%252e%252e/x?f=%252e%252e/x",
	    NULL },
	{ "^/a$", "/files/$arg_f", "/a?f=x%00.png", NULL, NULL },
	{ "^/a$", "/files/$arg_f", "/a?f=x%zz", NULL, NULL },
	{ "^/a$", "/files/$arg_f", "/a?f=x%2", NULL, NULL },
	{ "^/a$", "/files/$arg_f", "/a?f=x?y", "/files/x%3Fy?f=x?y", NULL },
	{ "^/a$", "/files/$arg_f", "/a?f=a\\b", "/files/a%5Cb?f=a\\b", NULL },
	{ "^/a$", "/b/../c", "/a", NULL, NULL },
	{ "^/a$", "/b//c", "/a", "/b/c", "/b/c" },
	{ "^/a/(.*)$", "/$1", "/a/%2fevil.test", "/%2Fevil.test", NULL },
	{ "^/a$", "$arg_f", "/a?f=//evil.test/x", "/evil.test/x?f=//evil.test/x", NULL },
	{ "^/a$", "$arg_f", "/a?f=http://evil.test", "/http:/evil.test?f=http://evil.test", NULL },
	{ "^/a$", "$arg_f", "/a", "/", "/" },
	/* What matches is the normalised path. */
	{ "^/a/b$", "/found", "/x/../a//%62", "/found", NULL },
	{ "^/a b$", "/found", "/a%20b", "/found", NULL },
	{ "^/a$", "/found", "http://b.test/a?q", "/found?q", NULL },
	{ "^\\*$", "/found", "*", "*", NULL },
};

static void
rule_fixture(struct fixture *f, unsigned n, struct conf_rewrite *list, struct conf_errors *errors)
{
	struct capture_names *names;

	fixture_init(f);
	f->conf.rewrites = list;
	f->conf.nrewrites = n;
	f->route.moves = rewrite_is_needed(&f->conf);
	names = capture_names_new();
	f->route.rewrites = rewrite_rules_new(&f->conf, names, errors);
	capture_names_free(names);
}

static enum rewrite_result
ask(struct fixture *f, const char *target)
{
	struct request *r = &f->stream.request;

	r->raw_target = str_of(target);
	/* A backslash cannot stand in a path, but in a query. */
	ck_assert(target_parse(&r->target, r->raw_target));
	r->path = r->target.form == TARGET_ASTERISK ? r->target.path :
	    target_normalise(&f->stream.arena, r->target.path);
	if (r->path.p == NULL)
		return REWRITE_BAD_PATH;	/* the request is refused */
	return rewrite_uri(&f->x);
}

START_TEST(replaces)
{
	struct conf_rewrite rule = { str_of(rules[_i].pattern), str_of(rules[_i].replacement),
		{ "f", 1 } };
	struct conf_errors *errors = conf_errors_new();
	enum rewrite_result result;
	struct fixture f;

	rule_fixture(&f, 1, &rule, errors);
	fields_add(&f.stream.request.fields, STR_OF("X"), STR_OF("1%2e?#\r\n%2F"));
	ck_assert_uint_eq(conf_errors_count(errors), 0);
	result = ask(&f, rules[_i].target);
	ck_assert_int_eq(result, rules[_i].gives != NULL ? REWRITE_OK : REWRITE_BAD_PATH);
	if (rules[_i].gives != NULL)
		ck_assert_str_eq(arena_str(&f.stream.arena, f.x.uri).p, rules[_i].gives);
	if (rules[_i].path != NULL)
		ck_assert_str_eq(arena_str(&f.stream.arena, f.x.path).p, rules[_i].path);
	rewrite_rules_free(f.route.rewrites);
	conf_errors_free(errors);
	fixture_fini(&f);
}
END_TEST

/* Only the first rule that matches is applied; prefixes go before and after. */
START_TEST(first_of_two)
{
	struct conf_rewrite list[] = {
		{ STR("^/a$"), STR("/b"), { "f", 1 } },
		{ STR("^/[ab]$"), STR("/c"), { "f", 2 } },
	};
	static const char *const expected[][2] = {
		{ "/v/a?q", "/w/b?q" },
		{ "/v/b", "/w/c" },
		{ "/v/c", "/w/c" },
		{ "/v", "/w/" },
	};
	struct conf_errors *errors = conf_errors_new();

	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		struct fixture f;

		rule_fixture(&f, 2, list, errors);
		f.conf.strip_prefix = STR_OF("/v");
		f.conf.add_prefix = STR_OF("/w");
		ck_assert_int_eq(ask(&f, expected[i][0]), REWRITE_OK);
		ck_assert_str_eq(arena_str(&f.stream.arena, f.x.uri).p, expected[i][1]);
		rewrite_rules_free(f.route.rewrites);
		fixture_fini(&f);
	}
	conf_errors_free(errors);
}
END_TEST

START_TEST(limit)
{
	struct conf_rewrite rule = { STR("^/(a|aa)+$"), STR("/x"), { "f", 1 } };
	struct conf_errors *errors = conf_errors_new();
	struct fixture f;

	rule_fixture(&f, 1, &rule, errors);
	ck_assert_int_eq(ask(&f, "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"),
	    REWRITE_LIMIT);
	rewrite_rules_free(f.route.rewrites);
	conf_errors_free(errors);
	fixture_fini(&f);
}
END_TEST

static const struct {
	const char *pattern, *replacement;
	const char *error;
} wrong[] = {
	{ "(", "/a", "f:7: [route all] rewrite: \"(\": missing closing parenthesis at offset 1" },
	{ "(a)", "/$2", "f:7: [route all] rewrite: $2: there is no pattern with such a group (write"
	    " $$ for a dollar)" },
	{ "(?<who>a)", "/$whom", "f:7: [route all] rewrite: $whom: unknown variable" },
	{ "a", "/$0", "f:7: [route all] rewrite: a $ without the name of a variable (write $$ for a"
	    " dollar)" },
};

static void
compare_line(void *arg, bool is_error, const char *line)
{
	(void)is_error;
	ck_assert_str_eq(line, arg);
}

START_TEST(errors_at_load)
{
	struct conf_rewrite rule = { str_of(wrong[_i].pattern), str_of(wrong[_i].replacement),
		{ "f", 7 } };
	struct conf_errors *errors = conf_errors_new();
	char expected[256];
	struct fixture f;

	rule_fixture(&f, 1, &rule, errors);
	ck_assert_ptr_null(f.route.rewrites);
	ck_assert_uint_eq(conf_errors_count(errors), 1);
	snprintf(expected, sizeof(expected), "%s", wrong[_i].error);
	conf_errors_each(errors, compare_line, expected);
	conf_errors_free(errors);
	fixture_fini(&f);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rewrite");
	TCase *tc = tcase_create("rewrite");

	tcase_add_loop_test(tc, rewrites, 0, ARRAY_LEN(cases));
	tcase_add_loop_test(tc, climbers, 0, ARRAY_LEN(climbs));
	tcase_add_loop_test(tc, odd_dots, 0, ARRAY_LEN(dots));
	tcase_add_loop_test(tc, replaces, 0, ARRAY_LEN(rules));
	tcase_add_test(tc, first_of_two);
	tcase_add_test(tc, limit);
	tcase_add_loop_test(tc, errors_at_load, 0, ARRAY_LEN(wrong));
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
