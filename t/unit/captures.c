/* captures.c: names of groups as variables, and what they hold. */

#include "unit.h"

#include <stdio.h>

#include "base/regex.h"
#include "fixture.h"
#include "proxy/text/captures.h"
#include "proxy/text/template.h"

static struct fixture f;
static struct conf_errors *errors;
static struct capture_names *names;
static const struct conf_origin at = { "f", 4 };

static void
setup(void)
{
	fixture_init(&f);
	errors = conf_errors_new();
	names = capture_names_new();
}

static void
teardown(void)
{
	capture_names_free(names);
	conf_errors_free(errors);
	fixture_fini(&f);
}

static struct regex *
compile(const char *pattern)
{
	char error[160];
	struct regex *re = regex_new(str_of(pattern), error, sizeof(error));

	ck_assert_ptr_nonnull(re);
	return re;
}

static void
ck_expands(const char *text, const char *wanted)
{
	const struct template_scope scope = { .names = names };
	struct template *t = template_new_in(&scope, str_of(text), errors, at, "x");
	struct str s;

	ck_assert_ptr_nonnull(t);
	ck_assert(!template_is_constant(t));
	s = template_eval(t, &f.x, &f.stream.arena);
	ck_assert_msg(str_eq(s, str_of(wanted)), "%s gives %.*s", text, STR_ARG(s));
	template_free(t);
}

START_TEST(names_and_numbers)
{
	struct regex *re = compile("^/(?<shop>[a-z]+)(/(?<item>[0-9]+))?$"), *other = compile("x");
	struct capture_names *all = capture_names_new();
	struct str groups[4];

	capture_names_add(names, re, errors, at, "x");
	capture_names_number(names, regex_group_count(re));
	capture_names_join(all, names);
	capture_names_join(all, names);
	ck_assert_uint_eq(conf_errors_count(errors), 0);
	ck_assert(capture_names_have(names, STR_OF("shop")));
	ck_assert(capture_names_have(all, STR_OF("item")));
	ck_assert(!capture_names_have(all, STR_OF("ite")));
	ck_assert(capture_names_have(names, STR_OF("3")));
	ck_assert(!capture_names_have(names, STR_OF("4")));
	ck_assert_msg(!capture_names_have(all, STR_OF("1")), "numbers mean one pattern only");
	ck_assert(!capture_names_have(NULL, STR_OF("shop")));

	/* Before anything matched, there is nothing; then each group has its text. */
	ck_expands("<$shop|$1>", "<|>");
	ck_assert_int_eq(regex_match(re, STR_OF("/hats/7"), groups, 4), REGEX_YES);
	f.x.route_captured = (struct captured){ re, groups, 4 };
	ck_expands("${shop}s: $item, $1 $2 $3", "hatss: 7, hats /7 7");
	ck_assert_int_eq(regex_match(re, STR_OF("/caps"), groups, 4), REGEX_YES);
	ck_expands("$shop $item.", "caps .");
	/* Another pattern of the same route may have matched, that has no such group. */
	f.x.route_captured = (struct captured){ other, groups, 1 };
	ck_expands("<$shop$3>", "<>");
	/* What a rewrite took comes first. */
	f.x.rewrite_captured = (struct captured){ re, groups, 4 };
	ck_expands("$shop", "caps");
	capture_names_free(all);
	regex_free(other);
	regex_free(re);
}
END_TEST

/* A line end that a pattern took splits no header. */
START_TEST(controls_stay_out)
{
	struct regex *re = compile("^/(?<rest>.*)$");
	struct str groups[2];

	capture_names_add(names, re, errors, at, "x");
	ck_assert_int_eq(regex_match(re, STR_OF("/a\r\nSet-Cookie: b"), groups, 2), REGEX_YES);
	f.x.route_captured = (struct captured){ re, groups, 2 };
	ck_expands("$rest", "aSet-Cookie: b");
	regex_free(re);
}
END_TEST

static void
keep_error(void *arg, bool is_error, const char *line)
{
	(void)is_error;
	snprintf(arg, 160, "%s", line);
}

START_TEST(name_of_a_variable)
{
	struct regex *re = compile("(?<uri>a)(?<http_x>b)(?<mine>c)");
	char line[160];

	capture_names_add(names, re, errors, at, "[route r] path_regex");
	ck_assert_uint_eq(conf_errors_count(errors), 2);
	conf_errors_each(errors, keep_error, line);
	ck_assert_str_eq(line, "f:4: [route r] path_regex: $uri is a variable already (give the"
	    " group another name)");
	ck_assert(capture_names_have(names, STR_OF("mine")));
	regex_free(re);
}
END_TEST

/* PCRE2 allows it with (?J), but cannot say which of them is meant. */
START_TEST(name_of_two)
{
	struct regex *re = compile("(?J)(?<a>x)|(?<a>y)");

	capture_names_add(names, re, errors, at, "path_regex");
	ck_assert_uint_gt(conf_errors_count(errors), 0);
	regex_free(re);
	re = compile("(?|(?<b>x)|(?<b>y))");
	conf_errors_free(errors);
	errors = conf_errors_new();
	capture_names_add(names, re, errors, at, "path_regex");
	ck_assert_uint_eq(conf_errors_count(errors), 0);
	ck_assert(capture_names_have(names, STR_OF("b")));
	regex_free(re);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("captures");
	TCase *c = tcase_create("captures");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, names_and_numbers);
	tcase_add_test(c, controls_stay_out);
	tcase_add_test(c, name_of_a_variable);
	tcase_add_test(c, name_of_two);
	suite_add_tcase(s, c);
	return unit_run(s);
}
