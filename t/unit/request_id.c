/* request_id.c: the id of a request, taken over or made. */

#include "unit.h"

#include "base/check.h"
#include "base/rng.h"
#include "proxy/request_id.h"

#define LONG10(x)	x x x x x x x x x x

/* What a field of a trusted proxy holds, and whether that is taken for the id. */
static const struct {
	const char *value;
	bool taken;
} cases[] = {
	{ "a", true },
	{ "7b7c6b2e-3f0c-4d8e-9a51-0d4f3f2f7c1d", true },
	{ "Root=1-67891233-abcdef012345678912345678;Self=\"<&>\"", true },
	{ LONG10("0123456789") LONG10("0123456789"), true },
	{ LONG10("0123456789") LONG10("0123456789") "x", false },
	{ "", false },
	{ "a b", false },
	{ "a\tb", false },
	{ "\xc3\xa4", false },
	{ "a\x7f", false },
};

static bool
is_made(struct str id)
{
	if (id.n != REQUEST_ID_LEN)
		return false;
	for (size_t i = 0; i < id.n; i++)
		if (char_hex(id.p[i]) < 0)
			return false;
	return true;
}

START_TEST(chooses)
{
	struct str value = str_of(cases[_i].value), id;
	struct arena arena;
	struct fields fields;

	arena_init(&arena);
	fields_init(&fields, &arena);
	fields_add_id(&fields, FIELD_X_REQUEST_ID, value);
	fields_add_id(&fields, FIELD_X_REQUEST_ID, STR_OF("another"));
	id = request_id_choose(&fields, true, &arena);
	ck_assert(cases[_i].taken ? str_eq(id, value) : is_made(id));
	ck_assert(is_made(request_id_choose(&fields, false, &arena)));
	arena_fini(&arena);
}
END_TEST

START_TEST(without_field)
{
	struct arena arena;
	struct fields none = { 0 };
	struct str first, second;

	arena_init(&arena);
	first = request_id_choose(&none, true, &arena);
	second = request_id_choose(&none, true, &arena);
	ck_assert(is_made(first) && is_made(second));
	ck_assert(!str_eq(first, second));
	arena_fini(&arena);
}
END_TEST

static Suite *
request_id_suite(void)
{
	Suite *s = suite_create("request_id");
	TCase *t = tcase_create("request_id");

	rng_init();
	tcase_add_loop_test(t, chooses, 0, ARRAY_LEN(cases));
	tcase_add_test(t, without_field);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(request_id_suite());
}
