/* redact.c: values that logs must not show. */

#include "unit.h"

#include <stdio.h>

#include "base/check.h"
#include "proxy/text/redact.h"
#include "proxy/text/variables.h"

static struct str list[] = {
	STR("password"), STR("token"), STR("access-token"), STR("user[pin]"), STR("cookie"),
	STR("set-cookie"),
};
static const struct conf_strs names = { list, ARRAY_LEN(list) };
static const struct conf_strs without_cookies = { list, 4 };

static const struct {
	enum redact what;
	const char *value, *shown;
} pairs[] = {
	{ REDACT_URI, "/a?token=secret", "/a?token=-" },
	{ REDACT_URI, "/a?x=1&token=secret&y=2", "/a?x=1&token=-&y=2" },
	{ REDACT_URI, "/a?token=s&password=p&token=t", "/a?token=-&password=-&token=-" },
	{ REDACT_URI, "/token=a?x=token", "/token=a?x=token" },
	{ REDACT_URI, "/token=a", "/token=a" },
	{ REDACT_URI, "/a?tokens=a&atoken=b&token", "/a?tokens=a&atoken=b&token" },
	{ REDACT_URI, "/a?token=", "/a?token=" },
	{ REDACT_URI, "/a?token=&x=1", "/a?token=&x=1" },
	{ REDACT_URI, "/a?token==b", "/a?token=-" },
	{ REDACT_URI, "/a?ToKeN=s", "/a?ToKeN=-" },
	{ REDACT_URI, "/a?Access_Token=s&access-token=t", "/a?Access_Token=-&access-token=-" },
	{ REDACT_URI, "/a?%74oken=s&acces%73%5ftoken=t", "/a?%74oken=-&acces%73%5ftoken=-" },
	{ REDACT_URI, "/a?user%5Bpin%5D=1&user[pin]=2", "/a?user%5Bpin%5D=-&user[pin]=-" },
	{ REDACT_URI, "/a?x=1;token=a;b&y=2", "/a?x=1;token=-&y=2" },
	{ REDACT_URI, "/a?to=/b?token=c", "/a?to=/b?token=-" },
	{ REDACT_URI, "https://b/a#token=c&x=1", "https://b/a#token=-&x=1" },
	{ REDACT_URI, "/a?token=c#token=d", "/a?token=-#token=-" },
	{ REDACT_URI, "GET /a?token=c HTTP/1.1", "GET /a?token=- HTTP/1.1" },
	{ REDACT_URI, "<https://b/?token=c>; rel=next", "<https://b/?token=->; rel=next" },
	{ REDACT_URI, "?", "?" },
	{ REDACT_URI, "/a?%", "/a?%" },
	{ REDACT_URI, "/a?=token", "/a?=token" },
	{ REDACT_URI, "/a?&&token=b&&", "/a?&&token=-&&" },
	{ REDACT_QUERY, "token=a&x=1", "token=-&x=1" },
	{ REDACT_QUERY, "x=1&password=a", "x=1&password=-" },
	{ REDACT_COOKIE, "token=a&b; x=1; password=p", "token=-; x=1; password=-" },
	{ REDACT_COOKIE, "x=1;token=a", "x=1;token=-" },
	{ REDACT_COOKIE, "token=a; Path=/; HttpOnly", "token=-; Path=/; HttpOnly" },
	{ REDACT_ALL, "secret", "-" },
	{ REDACT_ALL, "", "" },
	{ REDACT_NOT, "/a?token=secret", "/a?token=secret" },
};

START_TEST(pairs_of_a_value)
{
	struct str value = str_of(pairs[_i].value), shown;
	struct arena arena;

	arena_init(&arena);
	shown = redact_value(&names, pairs[_i].what, value, &arena);
	ck_assert_msg(str_eq(shown, str_of(pairs[_i].shown)), "%s: %.*s", pairs[_i].value,
	    STR_ARG(shown));
	if (strcmp(pairs[_i].value, pairs[_i].shown) == 0)
		ck_assert_ptr_eq(shown.p, value.p);
	arena_fini(&arena);
}
END_TEST

/* A name beside another that is hidden is shown, whatever the bytes before and behind it. */
START_TEST(any_bytes)
{
	static const char bytes[] = {
		0, '%', '=', '&', '?', ';', '#', ' ', '"', '-', 'x', (char)0xff,
	};
	char text[6] = "?";
	struct arena arena;

	arena_init(&arena);
	for (size_t i = 0; i < sizeof(bytes) * sizeof(bytes) * sizeof(bytes); i++) {
		struct str shown;

		text[1] = bytes[i % sizeof(bytes)];
		text[2] = bytes[i / sizeof(bytes) % sizeof(bytes)];
		text[3] = bytes[i / sizeof(bytes) / sizeof(bytes)];
		for (int what = REDACT_URI; what <= REDACT_COOKIE; what++) {
			shown = redact_value(&names, (enum redact)what, str_make(text, 4), &arena);
			ck_assert(str_eq(shown, str_make(text, 4)));
		}
	}
	arena_fini(&arena);
}
END_TEST

static enum redact
of_variable(const struct conf_strs *hidden, const char *name)
{
	struct str arg;
	const struct variable *v = variable_lookup(str_of(name), &arg);
	char folded[64];

	ck_assert_ptr_nonnull(v);
	snprintf(folded, sizeof(folded), "%.*s", STR_ARG(arg));
	variable_fold_arg(v, folded, arg.n);
	return redact_variable(hidden, v, str_make(folded, arg.n));
}

START_TEST(variables)
{
	ck_assert_int_eq(of_variable(&names, "request_uri"), REDACT_URI);
	ck_assert_int_eq(of_variable(&names, "request"), REDACT_URI);
	ck_assert_int_eq(of_variable(&names, "args"), REDACT_QUERY);
	ck_assert_int_eq(of_variable(&names, "arg_token"), REDACT_ALL);
	ck_assert_int_eq(of_variable(&names, "arg_x"), REDACT_URI);
	ck_assert_int_eq(of_variable(&names, "http_access_token"), REDACT_ALL);
	ck_assert_int_eq(of_variable(&names, "http_referer"), REDACT_URI);
	ck_assert_int_eq(of_variable(&names, "http_cookie"), REDACT_ALL);
	ck_assert_int_eq(of_variable(&names, "sent_http_set_cookie"), REDACT_ALL);
	ck_assert_int_eq(of_variable(&names, "upstream_http_set_cookie"), REDACT_ALL);
	ck_assert_int_eq(of_variable(&names, "upstream_http_location"), REDACT_URI);
	ck_assert_int_eq(of_variable(&names, "cookie_any"), REDACT_ALL);
	ck_assert_int_eq(of_variable(&without_cookies, "cookie_any"), REDACT_URI);
	ck_assert_int_eq(of_variable(&without_cookies, "cookie_token"), REDACT_ALL);
	ck_assert_int_eq(of_variable(&without_cookies, "http_cookie"), REDACT_COOKIE);
	ck_assert_int_eq(of_variable(&without_cookies, "sent_http_set_cookie"), REDACT_COOKIE);
	ck_assert_int_eq(redact_group(&names, STR_OF("token")), REDACT_ALL);
	ck_assert_int_eq(redact_group(&names, STR_OF("1")), REDACT_URI);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("redact");
	TCase *c = tcase_create("redact");

	tcase_add_loop_test(c, pairs_of_a_value, 0, (int)ARRAY_LEN(pairs));
	tcase_add_test(c, any_bytes);
	tcase_add_test(c, variables);
	suite_add_tcase(s, c);
	return unit_run(s);
}
