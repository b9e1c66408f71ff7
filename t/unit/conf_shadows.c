/* Routes that no request can reach: which pairs of conditions are told, and which are not. */

#include <stdio.h>

#include "conf_text.h"
#include "unit.h"

/* Two routes or more for all hosts, divided by `|`; lines divided by `;`.  Which ones are told. */
static const struct {
	const char *routes;
	const char *told;
} cases[] = {
	/* ranks: exact, pattern, longer prefix, shorter prefix, no path */
	{ "path=/a | path=/a/*", "" },
	{ "path=/a/* | path=/a/b/*", "" },
	{ "path=/* | path=/a/*", "" },
	{ "path=/* | header=X", "2 by 1" },
	{ "header=X | path=/*", "1 by 2" },
	{ "method=GET | header=X; method=GET", "" },
	{ "path=/a/* | header=X", "" },
	{ "path_regex=^/ | path=/a/*", "2 by 1" },
	{ "path=/a/* | path_regex=.*", "1 by 2" },
	{ "path_regex=^/ | path=/a", "" },
	{ "path_regex=^/a | path=/a/*", "" },
	{ "path_regex=^/ | path_regex=x", "2 by 1" },
	{ "path_regex=x | path_regex=^/", "" },
	{ "path_regex=x; path_regex=y | path_regex=y", "2 by 1" },
	{ "path_regex=x | path_regex=y; path_regex=x", "" },
	{ "path=/a/*; path_regex=^/ | path=/a/b/*", "2 by 1" },
	{ "path=/a/*; path_regex=^/ | path=/b/*", "" },
	{ "path=/a/*; path_regex=x | path_regex=x", "" },

	/* several paths: all have to be taken */
	{ "path=/a/* /b/* | path=/a/*", "2 by 1" },
	{ "path=/a/* | path=/a/* /b/*", "" },
	{ "path=/a /b/* | path=/b/* /a", NULL },
	{ "path=/a/* /b | path=/b; header=X", "" },

	/* the same path: more kinds first, then the order of the file */
	{ "path=/a/* | path=/a/*; method=GET", "" },
	{ "path=/a/*; method=GET POST | path=/a/*; method=GET", "2 by 1" },
	{ "path=/a/*; method=GET | path=/a/*; method=GET POST", "" },
	{ "path=/a/*; method=GET | path=/a/*; method=POST", "" },
	{ "path=/a/*; method=GET | path=/a/*; header=X", "" },
	{ "path=/a; header=X | path=/a; header=X: 1", "2 by 1" },
	{ "path=/a; header=X: 1 | path=/a; header=X", "" },
	{ "path=/a; header=X: a* | path=/a; header=x: abc", "2 by 1" },
	{ "path=/a; header=X: a* | path=/a; header=X: b", "" },
	{ "path=/a; header=X: ab* | path=/a; header=X: a*", "" },
	{ "path=/a; header=X: * | path=/a; header=X", "2 by 1" },
	{ "path=/a; header=X: 1 | path=/a; header=X: 1*", "" },
	{ "path=/a; header=X; header=Y | path=/a; header=Y: 1", "2 by 1" },
	{ "path=/a; query=x | path=/a; query=x=1", "2 by 1" },
	{ "path=/a; query=x | path=/a; query=y", "" },
	{ "path=/a; cookie=x=1* | path=/a; cookie=x=12", "2 by 1" },
	{ "path=/a; client=10.0.0.0/8 | path=/a; client=10.1.2.3", "2 by 1" },
	{ "path=/a; client=10.1.0.0/16 | path=/a; client=10.0.0.0/8", "" },
	{ "path=/a; client=::/0 | path=/a; client=10.0.0.0/8", "" },
	{ "path=/a; client=2001:db8::/32 | path=/a; client=2001:db8:1::/48", "2 by 1" },
	{ "path=/a; client=unix | path=/a; client=unix ::1", "" },
	{ "path=/a; client=unix ::/1 | path=/a; client=unix", "2 by 1" },
	{ "path=/a; client=10.0.0.0/9 10.128.0.0/9 | path=/a; client=10.200.0.1", "2 by 1" },
	{ "path=/*; method=GET | method=GET POST", "" },
	{ "path=/*; method=GET POST | method=GET", "2 by 1" },

	/* hosts */
	{ "host=one; path=/a | path=/a", "" },
	{ "host=one two; path=/a; method=GET PUT | host=one; path=/a; method=GET", "2 by 1" },
	{ "host=one; path=/a; method=GET PUT | host=one two; path=/a; method=GET", "" },
	{ "host=one | host=one; path=/x | path=/*", "" },
	{ "host=one | host=two | path=/a", "3 by hosts" },
	{ "host=one; path=/* | host=two; path_regex=^/ | path=/a | host=one; path=/b",
	    "3 by hosts" },
	{ "host=one | host=two; method=GET | path=/a", "" },
	{ "host=one; header=X | host=one; path=/* | host=two; header=X", "1 by 2" },
};

static void
add_route(struct buf *ini, unsigned number, struct str route)
{
	struct str line;

	buf_printf(ini, "[route r%u]\nrespond = 204\n", number);
	while (str_cut(&route, ';', &line))
		buf_printf(ini, "%.*s\n", STR_ARG(str_trim(line)));
}

/* `text:9: warning: [route r2]: is never reached, as [route r1] at text:7 takes ...` */
static void
add_told(struct buf *told, struct str line)
{
	unsigned b, a, at;
	char text[256];

	snprintf(text, sizeof(text), "%.*s", STR_ARG(line));
	if (sscanf(text, "text:%u: warning: [route r%u]: is never reached, as [route r%u]", &at, &b,
	    &a) == 3)
		buf_printf(told, "%s%u by %u", told->n > 0 ? ", " : "", b, a);
	else if (sscanf(text, "text:%u: warning: [route r%u]: is never reached, as every host", &at,
	    &b) == 2)
		buf_printf(told, "%s%u by hosts", told->n > 0 ? ", " : "", b);
	else if (strstr(text, "no route serves it") == NULL)
		buf_printf(told, "%s", text);
}

START_TEST(pairs)
{
	struct str routes = str_of(cases[_i].routes), route, messages, line;
	struct buf ini, told;
	struct loaded l;

	buf_init(&ini);
	buf_init(&told);
	buf_cstr(&ini, "[listen web]\nbind = 8080\n");
	if (strstr(cases[_i].routes, "host=") != NULL)
		buf_cstr(&ini, "[host one]\nnames = one.test\n[host two]\nnames = two.test\n");
	for (unsigned n = 1; str_cut(&routes, '|', &route); n++)
		add_route(&ini, n, route);
	l = conf_text_load(buf_view(&ini));
	messages = buf_view(&l.messages);
	while (messages.n > 0 && str_cut(&messages, '\n', &line))
		add_told(&told, line);
	if (cases[_i].told == NULL)
		ck_assert_ptr_null(l.s);	/* the same conditions: an error */
	else
		ck_assert_msg(strcmp(buf_text(&told), cases[_i].told) == 0, "%s: %s",
		    cases[_i].routes, buf_text(&told));
	conf_text_free(&l);
	buf_fini(&told);
	buf_fini(&ini);
}
END_TEST

/* Many routes that could shadow each other are no reason for a long wait. */
START_TEST(many)
{
	struct buf ini;
	struct loaded l;

	buf_init(&ini);
	buf_cstr(&ini, "[listen web]\nbind = 8080\n");
	for (unsigned i = 0; i < 20000; i++)
		buf_printf(&ini, "[route r%u]\npath = /*\nheader = X: %u\nrespond = 204\n", i, i);
	l = conf_text_load(buf_view(&ini));
	ck_assert_str_eq(buf_text(&l.messages), "");
	conf_text_free(&l);
	buf_fini(&ini);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf_shadows");
	TCase *c = tcase_create("shadows");

	tcase_add_loop_test(c, pairs, 0, ARRAY_LEN(cases));
	tcase_add_test(c, many);
	tcase_set_timeout(c, 30);
	suite_add_tcase(s, c);
	return unit_run(s);
}
