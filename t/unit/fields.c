/* fields.c: lists of header fields. */

#include "unit.h"

#include "http/fields.h"

static struct arena arena;
static struct fields list;

static void
setup(void)
{
	arena_init(&arena);
	fields_init(&list, &arena);
}

static void
teardown(void)
{
	arena_fini(&arena);
}

static void
add(const char *name, const char *value)
{
	fields_add(&list, str_of(name), str_of(value));
}

START_TEST(every_known_name_is_found)
{
	char text[64];

	for (int id = FIELD_OTHER + 1; id < FIELD_IDS; id++) {
		struct str name = field_names[id];

		ck_assert_uint_gt(name.n, 0);
		ck_assert_int_eq(field_lookup(name), id);
		for (size_t i = 0; i < name.n; i++)
			text[i] = char_lower[(unsigned char)name.p[i]];
		ck_assert_int_eq(field_lookup(str_make(text, name.n)), id);
		/* A name that differs in one byte is another name. */
		text[name.n - 1] ^= 1;
		ck_assert_int_ne(field_lookup(str_make(text, name.n)), id);
	}
}
END_TEST

START_TEST(other_names)
{
	static const char *const names[] = {
		"", "T", "Hos", "Hostt", "X-Forwarded", "Content_Length", "Content-Lengthx",
		"a-name-longer-than-all-that-are-known",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		ck_assert_int_eq(field_lookup(str_of(names[i])), FIELD_OTHER);
}
END_TEST

START_TEST(who_the_client_is)
{
	static const char *const names[] = {
		"Forwarded", "X-Forwarded-For", "x-forwarded-host", "X-FORWARDED-PROTO",
		"X-Real-IP", "x-real-ip", "X-Forwarded-Port", "x-forwarded-prefix",
		"X-Forwarded-Client-Cert-Of-The-Client",
	};
	static const char *const others[] = {
		"", "X", "X-Forwarded", "X-Forwarded-", "X-Forwardedx", "Y-Forwarded-Port",
		"X-Forwarder-Port", "X-Request-ID", "X-Real-IPs", "Host", "User-Agent",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct str name = str_of(names[i]);

		ck_assert(field_describes_client(field_lookup(name), name));
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct str name = str_of(others[i]);

		ck_assert(!field_describes_client(field_lookup(name), name));
	}
}
END_TEST

START_TEST(keeps_order_and_finds)
{
	ck_assert_ptr_null(fields_find(&list, FIELD_HOST));
	ck_assert_uint_eq(fields_count(&list, FIELD_COOKIE), 0);
	add("Cookie", "a=1");
	add("X-One", "1");
	add("COOKIE", "b=2");
	ck_assert(str_eq(fields_find(&list, FIELD_COOKIE)->value, STR_OF("a=1")));
	ck_assert(str_eq(fields_find_name(&list, STR_OF("x-ONE"))->value, STR_OF("1")));
	ck_assert_ptr_null(fields_find_name(&list, STR_OF("x-on")));
	ck_assert_uint_eq(fields_count(&list, FIELD_COOKIE), 2);
	ck_assert(str_eq(list.v[2].name, STR_OF("COOKIE")));
}
END_TEST

START_TEST(removed_ones_are_gone)
{
	unsigned n = 0;

	add("Cookie", "a=1");
	add("X-One", "1");
	add("cookie", "b=2");
	fields_remove(&list, FIELD_COOKIE);
	ck_assert_ptr_null(fields_find(&list, FIELD_COOKIE));
	ck_assert_ptr_null(fields_find_name(&list, STR_OF("Cookie")));
	ck_assert_uint_eq(fields_count(&list, FIELD_COOKIE), 0);
	fields_remove_name(&list, STR_OF("x-one"));
	FIELDS_EACH(f, &list)
		n++;
	ck_assert_uint_eq(n, 0);
	fields_set(&list, FIELD_COOKIE, STR_OF("c=3"));
	fields_set(&list, FIELD_COOKIE, STR_OF("d=4"));
	ck_assert_uint_eq(fields_count(&list, FIELD_COOKIE), 1);
	ck_assert(str_eq(fields_find(&list, FIELD_COOKIE)->value, STR_OF("d=4")));
}
END_TEST

START_TEST(grows)
{
	for (uintptr_t i = 0; i < 1000; i++)
		fields_add_id(&list, FIELD_VIA, str_make(&"0123456789"[i % 10], 1));
	ck_assert_uint_eq(list.n, 1000);
	for (int i = 0; i < 1000; i++) {
		ck_assert_int_eq(list.v[i].value.p[0], '0' + i % 10);
		ck_assert(list.v[i].id == FIELD_VIA && !list.v[i].gone);
	}
}
END_TEST

static const struct {
	const char *list;
	bool has;
} tokens[] = {
	{ "close", true },
	{ "CLOSE", true },
	{ "keep-alive, close", true },
	{ "close,keep-alive", true },
	{ ",,\t close \t,", true },
	{ "a,b , c,close", true },
	{ "", false },
	{ ",", false },
	{ "closed", false },
	{ "clos", false },
	{ "not close", false },
	{ "close;q=1", false },
	{ "\"close\"", false },
};

START_TEST(tokens_of_lists)
{
	ck_assert(list_has_token(str_of(tokens[_i].list), STR_OF("close")) == tokens[_i].has);
}
END_TEST

START_TEST(absent_list)
{
	ck_assert(!list_has_token((struct str){ NULL, 0 }, STR_OF("close")));
}
END_TEST

static const struct {
	const char *before[2];
	const char *gives;
} varies[] = {
	{ { NULL }, "Origin" },
	{ { "" }, "Origin" },
	{ { "Accept" }, "Accept, Origin" },
	{ { "accept, oRIGIN" }, "accept, oRIGIN" },
	{ { "*" }, "*" },
	{ { "Accept, X-Origin" }, "Accept, X-Origin, Origin" },
	{ { "Accept", "Cookie" }, "Accept, Origin" },
	{ { "Accept", "Origin" }, "Accept" },
	{ { "Accept", "Cookie, *" }, "Accept" },
};

START_TEST(vary)
{
	for (int i = 0; i < 2 && varies[_i].before[i] != NULL; i++)
		add("Vary", varies[_i].before[i]);
	fields_vary(&list, STR_OF("Origin"));
	ck_assert(str_eq(fields_find(&list, FIELD_VARY)->value, str_of(varies[_i].gives)));
	fields_vary(&list, STR_OF("Origin"));
	ck_assert(str_eq(fields_find(&list, FIELD_VARY)->value, str_of(varies[_i].gives)));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("fields");
	TCase *tc = tcase_create("fields");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, every_known_name_is_found);
	tcase_add_test(tc, other_names);
	tcase_add_test(tc, who_the_client_is);
	tcase_add_test(tc, keeps_order_and_finds);
	tcase_add_test(tc, removed_ones_are_gone);
	tcase_add_test(tc, grows);
	tcase_add_loop_test(tc, tokens_of_lists, 0, ARRAY_LEN(tokens));
	tcase_add_test(tc, absent_list);
	tcase_add_loop_test(tc, vary, 0, ARRAY_LEN(varies));
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
