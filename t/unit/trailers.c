/* trailers.c: which fields behind a body go on. */

#include "unit.h"

#include "base/check.h"
#include "fixture.h"
#include "proxy/filter/trailers.h"

static struct conf_header_set set[] = { { .name = STR("X-Set") } };
static struct conf_header_set add[] = { { .name = STR("X-Add") } };
static struct conf_header_remove remove_list[] = {
	{ .name = STR("X-Gone") }, { .name = STR("X-Internal-"), .prefix = true },
};
static const struct conf_header_changes changed = { remove_list, 2, set, 1, add, 1 };

static struct fixture f;
static struct conf_listen listen_conf;
static struct conf_headers section;
static struct conf_headers *sections[] = { &section };
static struct fields trailers;

static void
setup(void)
{
	fixture_init(&f);
	listen_conf = (struct conf_listen){ .name = STR("web") };
	section = (struct conf_headers){ .name = STR("h") };
	f.x.listen = &listen_conf;
	f.policy.headers = sections;
	f.policy.nheaders = 1;
	f.policy.request_trailers = true;
	f.x.response = &f.response;
	fields_init(&trailers, &f.stream.arena);
}

static void
teardown(void)
{
	fixture_fini(&f);
}

static bool
passes(const struct fields *(*filter)(struct exchange *, const struct fields *), const char *name)
{
	const struct fields *left;

	fields_init(&trailers, &f.stream.arena);
	fields_add(&trailers, str_of(name), STR_OF("1"));
	left = filter(&f.x, &trailers);
	ck_assert(left == NULL || (left->n == 1 && str_eq(left->v[0].name, str_of(name))));
	return left != NULL;
}

static const struct {
	const char *name;
	bool to_server, to_client;
} names[] = {
	{ "X-Sum", true, true },
	{ "x-set", false, false },
	{ "X-ADD", false, false },
	{ "X-Gone", false, false },
	{ "X-Gone-Not", true, true },
	{ "x-internal-role", false, false },
	{ "X-Internal", true, true },
	{ "X_Sum", false, true },
	{ "X.Sum", false, true },
	{ "X-Real-IP", false, true },
	{ "X-Forwarded-Port", false, true },
	{ "CF-Connecting-IP", false, true },
	{ "Server", true, false },
	{ "X-Powered-By", true, false },
	{ "X-Hop", false, false },
	{ "X-Other-Hop", false, false },
};

START_TEST(names_pass)
{
	struct field *stripped;

	section.request = section.response = changed;
	listen_conf.client_ip_from = CLIENT_IP_HEADER;
	listen_conf.client_ip_header = STR_OF("cf-connecting-ip");
	f.policy.hide_server = true;
	fields_add(&f.stream.request.fields, STR_OF("Connection"),
	    STR_OF("close,x-hop ,, X-OTHER-HOP"));
	stripped = fields_add(&f.response.fields, STR_OF("Connection"), STR_OF("X-Hop"));
	stripped->gone = true;
	fields_add(&f.response.fields, STR_OF("Connection"), STR_OF("x-other-hop"))->gone = true;
	ck_assert(passes(trailers_to_server, names[_i].name) == names[_i].to_server);
	ck_assert(passes(trailers_to_client, names[_i].name) == names[_i].to_client);
}
END_TEST

START_TEST(policies)
{
	ck_assert(passes(trailers_to_server, "X-Set"));
	ck_assert(passes(trailers_to_client, "X-Set"));
	ck_assert(passes(trailers_to_client, "Server"));
	listen_conf.header_names_any = true;
	ck_assert(passes(trailers_to_server, "X_Sum"));
	f.policy.request_trailers = false;
	ck_assert(!passes(trailers_to_server, "X-Sum"));
	ck_assert(passes(trailers_to_client, "X-Sum"));
	ck_assert_ptr_null(trailers_to_server(&f.x, NULL));
	ck_assert_ptr_null(trailers_to_client(&f.x, NULL));
}
END_TEST

/* Those that are gone already stay so, the others keep their order. */
START_TEST(list)
{
	const struct fields *left;

	fields_add(&trailers, STR_OF("A"), STR_OF("1"));
	fields_add(&trailers, STR_OF("B"), STR_OF("2"))->gone = true;
	fields_add(&trailers, STR_OF("a"), STR_OF("3"));
	left = trailers_to_server(&f.x, &trailers);
	ck_assert_uint_eq(left->n, 2);
	ck_assert(str_eq(left->v[0].value, STR_OF("1")) && str_eq(left->v[1].value, STR_OF("3")));
	fields_remove_name(&trailers, STR_OF("A"));
	ck_assert_ptr_null(trailers_to_server(&f.x, &trailers));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("trailers");
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, names_pass, 0, ARRAY_LEN(names));
	tcase_add_test(t, policies);
	tcase_add_test(t, list);
	suite_add_tcase(s, t);
	return unit_run(s);
}
