/* cors.c: which origins may read responses. */

#include "unit.h"

#include "base/check.h"
#include "fixture.h"
#include "proxy/filter/cors.h"
#include "proxy/filter/filter.h"

enum { MAX_ORIGINS = 4 };

static struct conf_strs
origins_of(const char *text, struct str v[MAX_ORIGINS])
{
	struct conf_strs list = { v, 0 };
	struct str rest = str_of(text);

	while (list.n < MAX_ORIGINS && str_word(&rest, &v[list.n]))
		list.n++;
	return list;
}

static const struct {
	const char *list;
	const char *origin;		/* NULL: none */
	const char *allowed;		/* NULL: not */
	bool credentials;
} allows[] = {
	{ "*", "https://a.test", "*", false },
	{ "*", NULL, NULL, false },
	{ "*", "", NULL, false },
	{ "*", "null", "*", false },
	{ "https://a.test", "https://a.test", "https://a.test", true },
	{ "https://a.test", "HTTPS://A.test", "HTTPS://A.test", true },
	{ "https://a.test", "http://a.test", NULL, false },
	{ "https://a.test", "https://a.test:8443", NULL, false },
	{ "https://a.test", "https://b.test", NULL, false },
	{ "https://a.test", "https://a.test.evil.test", NULL, false },
	{ "https://a.test", "https://evil.test/https://a.test", NULL, false },
	{ "https://a.test", "https://a.tes", NULL, false },
	{ "https://a.test", "null", NULL, false },
	{ "https://a.test", NULL, NULL, false },
	{ "https://a.test:8443", "https://a.test:8443", "https://a.test:8443", true },
	{ "https://a.test https://b.test", "https://b.test", "https://b.test", true },
	{ "https://a.test *", "https://a.test", "https://a.test", true },
	{ "* https://a.test", "https://a.test", "https://a.test", true },
	{ "https://a.test *", "https://b.test", "*", false },
	{ "https://*.a.test", "https://x.a.test", "https://x.a.test", true },
	{ "https://*.a.test", "https://y.x.a.test", "https://y.x.a.test", true },
	{ "https://*.a.test", "https://a.test", NULL, false },
	{ "https://*.a.test", "https://.a.test", NULL, false },
	{ "https://*.a.test", "https://xa.test", NULL, false },
	{ "https://*.a.test", "http://x.a.test", NULL, false },
	{ "https://*.a.test", "https://x.a.test:444", NULL, false },
	{ "https://*.a.test", "https://evil.test:1.a.test", NULL, false },
	{ "https://*.a.test", "https://evil.test/.a.test", NULL, false },
	{ "https://*.a.test", "https://evil.test#.a.test", NULL, false },
	{ "https://*.a.test", "https://evil@x.a.test", NULL, false },
	{ "https://*.a.test:444", "https://x.a.test:444", "https://x.a.test:444", true },
};

START_TEST(allowed)
{
	struct str v[MAX_ORIGINS], got;
	struct conf_strs list = origins_of(allows[_i].list, v);
	bool credentials = !allows[_i].credentials;

	got = cors_allow(&list, str_of(allows[_i].origin), &credentials);
	ck_assert((got.p == NULL) == (allows[_i].allowed == NULL));
	ck_assert(str_eq(got, str_of(allows[_i].allowed)));
	ck_assert(credentials == allows[_i].credentials);
}
END_TEST

static const struct {
	const char *method;
	const char *origin;		/* NULL: no such field */
	const char *asks;
	bool is;
} preflights[] = {
	{ "OPTIONS", "https://a.test", "PUT", true },
	{ "OPTIONS", "https://a.test", "BREW", true },
	{ "OPTIONS", "https://a.test", NULL, false },
	{ "OPTIONS", "https://a.test", "", false },
	{ "OPTIONS", "https://a.test", "PUT, GET", false },
	{ "OPTIONS", NULL, "PUT", false },
	{ "GET", "https://a.test", "PUT", false },
	{ "options", "https://a.test", "PUT", false },
};

START_TEST(preflight)
{
	struct fixture f;
	struct request *r = &f.stream.request, wanted;

	fixture_init(&f);
	r->method = str_of(preflights[_i].method);
	r->method_id = method_lookup(r->method);
	if (preflights[_i].origin != NULL)
		fixture_field(&f, "Origin", preflights[_i].origin);
	if (preflights[_i].asks != NULL)
		fixture_field(&f, "Access-Control-Request-Method", preflights[_i].asks);
	ck_assert(cors_preflight(r, &wanted) == preflights[_i].is);
	if (preflights[_i].is) {
		ck_assert(str_eq(wanted.method, str_of(preflights[_i].asks)));
		ck_assert_int_eq(wanted.method_id, method_lookup(wanted.method));
		ck_assert(str_eq(wanted.path, r->path));
	}
	fixture_fini(&f);
}
END_TEST

static const struct {
	const char *list;
	const char *origin;
	const char *allow;		/* what stands in the response then; NULL: no such field */
	const char *credentials;
	const char *vary;
} responses[] = {
	{ "*", "https://a.test", "*", NULL, "Cookie" },
	{ "*", NULL, NULL, NULL, "Cookie" },
	{ "https://a.test", "https://a.test", "https://a.test", "true", "Cookie, Origin" },
	{ "https://a.test", "https://b.test", NULL, NULL, "Cookie, Origin" },
	{ "https://a.test", NULL, NULL, NULL, "Cookie, Origin" },
	{ "https://a.test *", "https://b.test", "*", NULL, "Cookie, Origin" },
	{ "", "https://b.test", "https://server.test", "server", "Cookie" },
};

static void
ck_field(struct response *r, const char *name, const char *value)
{
	struct field *field = fields_find_name(&r->fields, str_of(name));
	unsigned n = 0;

	FIELDS_EACH(f, &r->fields)
		n += str_ieq(f->name, str_of(name));
	ck_assert_uint_eq(n, value != NULL);
	if (value != NULL)
		ck_assert_msg(str_eq(field->value, str_of(value)), "%s: %.*s", name,
		    STR_ARG(field->value));
}

/* What the server says itself is replaced, never doubled. */
START_TEST(response_fields)
{
	struct conf_policy policy = { .retries = 0 };
	struct str v[MAX_ORIGINS];
	struct filter_node node;
	struct fixture f;
	struct response *r = &f.response;

	fixture_init(&f);
	policy.cors = origins_of(responses[_i].list, v);
	f.x.policy = &policy;
	if (responses[_i].origin != NULL)
		fixture_field(&f, "Origin", responses[_i].origin);
	r->status = 200;
	fields_add(&r->fields, STR_OF("access-control-allow-origin"),
	    STR_OF("https://server.test"));
	fields_add(&r->fields, STR_OF("Access-Control-Allow-Credentials"), STR_OF("server"));
	fields_add(&r->fields, STR_OF("Access-Control-Expose-Headers"), STR_OF("X-Total"));
	fields_add(&r->fields, STR_OF("Vary"), STR_OF("Cookie"));
	ck_assert(!filter_cors.setup(&f.x, r, &node));
	ck_field(r, "Access-Control-Allow-Origin", responses[_i].allow);
	ck_field(r, "Access-Control-Allow-Credentials", responses[_i].credentials);
	ck_field(r, "Access-Control-Expose-Headers", "X-Total");
	ck_field(r, "Vary", responses[_i].vary);
	fixture_fini(&f);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("cors");
	TCase *tc = tcase_create("cors");

	tcase_add_loop_test(tc, allowed, 0, ARRAY_LEN(allows));
	tcase_add_loop_test(tc, preflight, 0, ARRAY_LEN(preflights));
	tcase_add_loop_test(tc, response_fields, 0, ARRAY_LEN(responses));
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
