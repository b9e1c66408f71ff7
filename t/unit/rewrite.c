/* rewrite.c: the target that goes to the server. */

#include "unit.h"

#include "base/check.h"
#include "fixture.h"
#include "proxy/rewrite.h"

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
	r->raw_target = str_of(cases[_i].target);
	if (!target_parse(&r->target, r->raw_target)) {
		ck_assert_ptr_null(cases[_i].gives);
		fixture_fini(&f);
		return;
	}
	r->path = r->target.form == TARGET_ASTERISK ? r->target.path :
	    target_normalise(&f.stream.arena, r->target.path);
	got = rewrite_uri(&f.x);
	ck_assert_str_eq(arena_str(&f.stream.arena, got).p, cases[_i].gives);
	fixture_fini(&f);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rewrite");
	TCase *tc = tcase_create("rewrite");

	tcase_add_loop_test(tc, rewrites, 0, ARRAY_LEN(cases));
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
