/* regex.c: patterns with groups and with bounds. */

#include "base/regex.h"

#include <string.h>
#include <time.h>

#include "base/check.h"
#include "unit.h"

static struct regex *
compile(const char *pattern)
{
	char error[128] = "";
	struct regex *re = regex_new(str_of(pattern), error, sizeof(error));

	ck_assert_msg(re != NULL, "%s: %s", pattern, error);
	return re;
}

START_TEST(matches)
{
	static const struct {
		const char *pattern;
		struct str subject;
		enum regex_result result;
	} cases[] = {
		{ "", STR(""), REGEX_YES },
		{ "", { NULL, 0 }, REGEX_YES },
		{ "^$", { NULL, 0 }, REGEX_YES },
		{ "a", { NULL, 0 }, REGEX_NO },
		{ "^/img/[0-9]+$", STR("/img/42"), REGEX_YES },
		{ "^/img/[0-9]+$", STR("/img/42x"), REGEX_NO },
		{ "^/img/[0-9]+$", STR("/img/42\n"), REGEX_NO },
		{ "a.c", STR("a\xff" "c"), REGEX_YES },
		{ "a\\x00c", STR("a\0c"), REGEX_YES },
		{ "(?i)ADMIN", STR("/admin"), REGEX_YES },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct regex *re = compile(cases[i].pattern);

		ck_assert_msg(regex_match(re, cases[i].subject, NULL, 0) == cases[i].result,
		    "case %zu: %s", i, cases[i].pattern);
		regex_free(re);
	}
}
END_TEST

START_TEST(groups)
{
	struct regex *re = compile("/(?<lang>[a-z]{2})/(x)?(.*)");
	struct str g[6];

	ck_assert_uint_eq(regex_group_count(re), 3);
	ck_assert_int_eq(regex_group(re, STR_OF("lang")), 1);
	ck_assert_int_eq(regex_group(re, STR_OF("lan")), -1);
	ck_assert_int_eq(regex_group(re, STR_OF("")), -1);
	ck_assert_int_eq(regex_group(re, STR_OF("lang\0")), -1);
	ck_assert_int_eq(regex_group(re, str_make(NULL, 0)), -1);
	ck_assert_int_eq(regex_match(re, STR_OF("a/en/"), g, 6), REGEX_YES);
	ck_assert(str_eq(g[0], STR_OF("/en/")));
	ck_assert(str_eq(g[1], STR_OF("en")));
	ck_assert_ptr_null(g[2].p);
	ck_assert(g[3].p != NULL && g[3].n == 0);
	ck_assert_ptr_null(g[4].p);
	ck_assert_ptr_null(g[5].p);
	memset(g, 0xff, sizeof(g));
	ck_assert_int_eq(regex_match(re, STR_OF("/de/xy"), g, 2), REGEX_YES);
	ck_assert(str_eq(g[1], STR_OF("de")));
	ck_assert_uint_eq(g[2].n, SIZE_MAX);
	regex_free(re);
	regex_free(NULL);
}
END_TEST

START_TEST(errors)
{
	static const char *const bad[] = { "(", "[a", "*a", "(?<a", "a{2,1}", "(*UTF)x", "\\" };
	char error[128];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		error[0] = '\0';
		ck_assert_msg(regex_new(str_of(bad[i]), error, sizeof(error)) == NULL, "%s",
		    bad[i]);
		ck_assert_msg(strstr(error, " at offset ") != NULL, "%s: %s", bad[i], error);
	}
	ck_assert_ptr_null(regex_new(STR_OF("("), error, 8));
	ck_assert_uint_eq(strlen(error), 7);
}
END_TEST

/* Patterns that explode, and subjects that exhaust the stack, end soon and say so. */
START_TEST(bounds)
{
	static const struct {
		const char *pattern;
		size_t as;
	} cases[] = {
		{ "^(a+)+$", 40 },
		{ "^(a|aa)+$", 60 },
		{ "(?:a*)*b\\1?(a)?", 2000 },
		{ "^(?:a|(b))*$", 60000 },
	};
	static char subject[60001];
	clock_t start = clock();

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct regex *re = compile(cases[i].pattern);
		size_t n = cases[i].as;

		memset(subject, 'a', n);
		subject[n] = '!';
		ck_assert_int_ne(regex_match(re, str_make(subject, n + 1), NULL, 0), REGEX_YES);
		regex_free(re);
	}
	ck_assert_int_lt((clock() - start) / CLOCKS_PER_SEC, 2);
}
END_TEST

START_TEST(limit)
{
	struct regex *re = compile("^(a|aa)+$");
	char subject[61];

	memset(subject, 'a', 60);
	subject[60] = '!';
	ck_assert_int_eq(regex_match(re, str_make(subject, 61), NULL, 0), REGEX_LIMIT);
	ck_assert_int_eq(regex_match(re, str_make(subject, 60), NULL, 0), REGEX_YES);
	regex_free(re);
}
END_TEST

/* The library's limit holds for one place where a match could begin, ours for all of them. */
START_TEST(long_subjects)
{
	struct regex *re = compile("(.)*x{9}[QR]");
	static char subject[8000];
	clock_t start = clock();
	struct str g[1];

	memset(subject, 'x', sizeof(subject));
	ck_assert_int_eq(regex_match(re, str_make(subject, 8000), NULL, 0), REGEX_LIMIT);
	ck_assert_int_lt((clock() - start) * 1000 / CLOCKS_PER_SEC, 250);
	regex_free(re);

	/* Windows hide neither what is before them, nor what is behind, nor the very end. */
	re = compile("(?<=yx)yx+Q$");
	for (size_t at = 2; at < 300; at++) {
		memset(subject, 'x', sizeof(subject));
		subject[at - 2] = subject[at] = 'y';
		subject[399] = 'Q';
		ck_assert_int_eq(regex_match(re, str_make(subject, 400), g, 1), REGEX_YES);
		ck_assert_ptr_eq(g[0].p, subject + at);
		ck_assert_uint_eq(g[0].n, 400 - at);
		ck_assert_int_eq(regex_match(re, str_make(subject, 399), g, 1), REGEX_NO);
	}
	regex_free(re);
	re = compile("^x|$");
	subject[0] = 'y';
	for (size_t n = 62; n < 300; n++) {
		ck_assert_int_eq(regex_match(re, str_make(subject, n), g, 1), REGEX_YES);
		ck_assert_ptr_eq(g[0].p, subject + n);
	}
	regex_free(re);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("regex");
	TCase *tc = tcase_create("regex");

	tcase_add_test(tc, matches);
	tcase_add_test(tc, groups);
	tcase_add_test(tc, errors);
	tcase_add_test(tc, bounds);
	tcase_add_test(tc, limit);
	tcase_add_test(tc, long_subjects);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
