/* buf.c: a growing buffer, numbers and JSON strings. */

#include "base/buf.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "unit.h"

static struct buf b;

static void
setup(void)
{
	buf_init(&b);
}

static void
teardown(void)
{
	buf_fini(&b);
}

START_TEST(pieces)
{
	buf_add(&b, NULL, 0);
	buf_str(&b, str_make(NULL, 0));
	ck_assert_uint_eq(buf_view(&b).n, 0);
	ck_assert_str_eq(buf_text(&b), "");
	buf_cstr(&b, "one ");
	buf_str(&b, STR_OF("two "));
	buf_char(&b, '3');
	buf_uint(&b, 45);
	buf_printf(&b, " %s", "six");
	ck_assert_str_eq(buf_text(&b), "one two 345 six");
	ck_assert_uint_eq(b.n, 15);
}
END_TEST

/* The buffer is filled to each length before printf has to fit into what is left. */
START_TEST(printf_at_every_fill)
{
	for (size_t fill = 0; fill < 600; fill++) {
		struct buf one = { NULL, 0, 0 };

		while (one.n < fill)
			buf_char(&one, '.');
		buf_printf(&one, "%s", "0123456789");
		ck_assert_uint_eq(one.n, fill + 10);
		ck_assert_str_eq(buf_text(&one) + fill, "0123456789");
		buf_fini(&one);
	}
}
END_TEST

START_TEST(room)
{
	char *p = buf_room(&b, 1000);

	memset(p, 'x', 1000);
	b.n += 1000;
	ck_assert_ptr_nonnull(buf_room(&b, 0));
	ck_assert_uint_eq(strlen(buf_text(&b)), 1000);
	buf_fini(&b);
	ck_assert_ptr_null(b.p);
	ck_assert_uint_eq(b.cap, 0);
}
END_TEST

static void
check_number(uint64_t v)
{
	char want[32], got[32];

	memset(got, 'x', sizeof(got));
	got[fmt_uint(got, v)] = '\0';
	snprintf(want, sizeof(want), "%ju", (uintmax_t)v);
	ck_assert_str_eq(got, want);
	memset(got, 'x', sizeof(got));
	got[fmt_hex(got, v)] = '\0';
	snprintf(want, sizeof(want), "%jx", (uintmax_t)v);
	ck_assert_str_eq(got, want);
}

START_TEST(numbers)
{
	for (uint64_t v = 0; v < 20000; v++)
		check_number(v);
	for (uint64_t power = 1, i = 0; i < 20; i++, power *= 10) {
		check_number(power - 1);
		check_number(power);
		check_number(power + 1);
	}
	for (int bits = 0; bits < 64; bits++) {
		check_number(UINT64_MAX >> bits);
		check_number((uint64_t)1 << bits);
	}
}
END_TEST

START_TEST(json)
{
	static const struct {
		struct str in;
		const char *out;
	} cases[] = {
		{ STR(""), "\"\"" },
		{ { NULL, 0 }, "\"\"" },
		{ STR("plain"), "\"plain\"" },
		{ STR("a\"b\\c/"), "\"a\\\"b\\\\c/\"" },
		{ STR("\b\t\n\f\r"), "\"\\b\\t\\n\\f\\r\"" },
		{ STR("\0\1\x1f\x7f"), "\"\\u0000\\u0001\\u001f\x7f\"" },
		{ STR("na\xc3\xafve \xf0\x9f\x98\x80"), "\"na\xc3\xafve \xf0\x9f\x98\x80\"" },
		{ STR("\xff|\xc3|"), "\"\xef\xbf\xbd|\xef\xbf\xbd|\"" },
		{ STR("\xc3\""), "\"\xef\xbf\xbd\\\"\"" },
		{ STR("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ STR("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		b.n = 0;
		buf_json(&b, cases[i].in);
		ck_assert_str_eq(buf_text(&b), cases[i].out);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("buf");
	TCase *tc = tcase_create("buf");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, pieces);
	tcase_add_test(tc, printf_at_every_fill);
	tcase_add_test(tc, room);
	tcase_add_test(tc, numbers);
	tcase_add_test(tc, json);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
