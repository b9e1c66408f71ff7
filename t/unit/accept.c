/* accept.c: which media type a client likes best. */

#include "unit.h"

#include "base/check.h"
#include "http/accept.h"

static const struct str types[] = {
	STR("text/html"), STR("application/json"), STR("application/problem+json"),
	STR("text/plain"),
};

enum { HTML, JSON, PROBLEM, PLAIN };

static const struct {
	const char *accept[2];		/* NULL: no field */
	unsigned chosen;
} cases[] = {
	{ { NULL }, HTML },
	{ { "" }, HTML },
	{ { "*/*" }, HTML },
	{ { "text/html" }, HTML },
	{ { "application/json" }, JSON },
	{ { "APPLICATION/JSON" }, JSON },
	{ { "application/problem+json" }, PROBLEM },
	{ { "application/problem+json, application/json" }, JSON },
	{ { "application/problem+json, application/json;q=0.9" }, PROBLEM },
	{ { "text/plain" }, PLAIN },
	{ { "text/*" }, HTML },
	{ { "application/*" }, JSON },
	{ { "text/*, text/html;q=0.5" }, PLAIN },
	{ { "text/html;q=0.5, text/*" }, PLAIN },
	{ { "*/*;q=0.1, application/json" }, JSON },
	{ { "*/*, text/html;q=0" }, JSON },
	{ { "text/html;q=0" }, HTML },
	{ { "image/png" }, HTML },
	{ { "image/avif,image/webp,*/*;q=0.8" }, HTML },
	{ { "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8" }, HTML },
	{ { "application/json;q=0.2, text/plain;q=0.3" }, PLAIN },
	{ { "application/json ; q=0.2 , text/plain ;q=0.1" }, JSON },
	{ { "application/json;charset=utf-8;q=0.9, text/plain;q=0.8" }, JSON },
	{ { "text/plain;q=0.8", "application/json" }, JSON },
	{ { "application/json;q=2, text/plain" }, PLAIN },
	{ { "application/json;q=x, text/plain;q=0.1" }, PLAIN },
	{ { "application, json, /, */, /json" }, HTML },
	{ { ",,,;,text/plain,;q=1" }, PLAIN },
	{ { "*/json" }, HTML },
	{ { "text/html;q=0.001, text/plain;q=0.002" }, PLAIN },
};

START_TEST(chooses)
{
	struct arena arena;
	struct fields fields;

	arena_init(&arena);
	fields_init(&fields, &arena);
	fields_add(&fields, STR_OF("Accept-Encoding"), STR_OF("text/plain"));
	for (int i = 0; i < 2 && cases[_i].accept[i] != NULL; i++)
		fields_add(&fields, STR_OF("Accept"), str_of(cases[_i].accept[i]));
	ck_assert_uint_eq(accept_choose(&fields, types, ARRAY_LEN(types)), cases[_i].chosen);
	arena_fini(&arena);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("accept");
	TCase *tc = tcase_create("accept");

	tcase_add_loop_test(tc, chooses, 0, ARRAY_LEN(cases));
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
