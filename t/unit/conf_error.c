/* error.c: how much of many and of long messages is told. */

#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "conf/error.h"

static const struct conf_origin at = { "f", 1 };

static void
keep_line(void *arg, bool is_error, const char *line)
{
	buf_printf(arg, "%c %s\n", is_error ? 'E' : 'W', line);
}

/* All that is told, a line each. */
static char *
told(struct conf_errors *e)
{
	struct buf b;

	buf_init(&b);
	conf_errors_each(e, keep_line, &b);
	return buf_text(&b);
}

static size_t
lines(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

/* The last two lines. */
static const char *
end_of(const char *text)
{
	const char *p = text + strlen(text) - 1;

	for (int seen = 0; p > text; p--)
		if (p[-1] == '\n' && ++seen == 2)
			break;
	return p;
}

static void
report(struct conf_errors *e, bool is_error, int first, int last)
{
	for (int i = first; i <= last; i++) {
		if (is_error)
			conf_error(e, (struct conf_origin){ "f", i }, "wrong");
		else
			conf_warning(e, (struct conf_origin){ "f", i }, "odd");
	}
}

START_TEST(all_is_told_up_to_the_cap)
{
	struct conf_errors *e = conf_errors_new();
	char *text;

	text = told(e);
	ck_assert_str_eq(text, "");
	free(text);
	report(e, true, 1, CONF_ERRORS_KEPT);
	text = told(e);
	ck_assert_uint_eq(lines(text), CONF_ERRORS_KEPT);
	ck_assert_str_eq(end_of(text), "E f:99: wrong\nE f:100: wrong\n");
	free(text);
	conf_error(e, (struct conf_origin){ "f", 101 }, "wrong");
	text = told(e);
	ck_assert_uint_eq(lines(text), CONF_ERRORS_KEPT + 1);
	ck_assert_str_eq(end_of(text), "E f:100: wrong\nE and 1 more error\n");
	ck_assert_uint_eq(conf_errors_count(e), 101);
	free(text);
	conf_errors_free(e);
}
END_TEST

START_TEST(warnings_take_no_room_from_errors)
{
	struct conf_errors *e = conf_errors_new();
	char *text;

	report(e, false, 1, 5000);
	report(e, true, 6001, 6200);
	text = told(e);
	ck_assert_uint_eq(lines(text), 2 * CONF_ERRORS_KEPT + 2);
	ck_assert_str_eq(end_of(text), "W and 4900 more warnings\nE and 100 more errors\n");
	ck_assert_uint_eq(conf_errors_count(e), 200);
	free(text);
	conf_errors_free(e);
}
END_TEST

START_TEST(order_of_files_and_lines)
{
	struct conf_errors *e = conf_errors_new();
	char *text;

	conf_error(e, (struct conf_origin){ "b", 2 }, "one");
	conf_warning(e, (struct conf_origin){ "a", 1 }, "two");
	conf_error(e, (struct conf_origin){ "b", 1 }, "three");
	conf_error(e, (struct conf_origin){ "-g", 0 }, "four");
	text = told(e);
	ck_assert_str_eq(text, "E b:1: three\nE b:2: one\nW a:1: warning: two\nE -g: four\n");
	free(text);
	conf_errors_free(e);
}
END_TEST

START_TEST(nothing_is_said_twice)
{
	struct conf_errors *e = conf_errors_new();
	char *text;

	for (int i = 0; i < 300; i++)
		conf_error(e, at, "same");
	conf_error(e, at, "other");
	text = told(e);
	ck_assert_str_eq(text, "E f:1: same\nE f:1: other\n");
	ck_assert_uint_eq(conf_errors_count(e), 301);
	free(text);
	conf_errors_free(e);
}
END_TEST

/* A message about a value of `n` bytes: as it comes out. */
static char *
told_of_long(const char *unit, size_t n)
{
	struct conf_errors *e = conf_errors_new();
	struct buf value;
	char *text;

	buf_init(&value);
	while (value.n < n)
		buf_cstr(&value, unit);
	conf_error(e, at, "[route a] path: \"%s\" is wrong (use another)", buf_text(&value));
	text = told(e);
	buf_fini(&value);
	conf_errors_free(e);
	return text;
}

START_TEST(long_values_lose_their_middle)
{
	static const char end[] = "xxx\" is wrong (use another)\n";
	char *text = told_of_long("x", 10000000);

	ck_assert_uint_lt(strlen(text), 1000);
	ck_assert_int_eq(strncmp(text, "E f:1: [route a] path: \"xxx", 26), 0);
	ck_assert_ptr_nonnull(strstr(text, "xxx [...] xxx"));
	ck_assert_str_eq(text + strlen(text) - strlen(end), end);
	free(text);
	text = told_of_long("x", 700);
	ck_assert_ptr_null(strstr(text, "[...]"));
	ck_assert_uint_gt(strlen(text), 700);
	free(text);
}
END_TEST

/* No character is cut in two, wherever the cut falls. */
START_TEST(long_values_stay_utf8)
{
	for (int shift = 0; shift < 4; shift++) {
		struct conf_errors *e = conf_errors_new();
		struct buf value;
		char *text, *p;

		buf_init(&value);
		buf_add(&value, "xxxx", (size_t)shift);
		while (value.n < 5000)
			buf_cstr(&value, "\xf0\x9f\x90\x91");
		conf_error(e, at, "%s", buf_text(&value));
		text = told(e);
		p = strstr(text, " [...] ");
		ck_assert_ptr_nonnull(p);
		ck_assert_int_eq(memcmp(p - 4, "\xf0\x9f\x90\x91", 4), 0);
		ck_assert_int_eq(memcmp(p + 7, "\xf0\x9f\x90\x91", 4), 0);
		free(text);
		buf_fini(&value);
		conf_errors_free(e);
	}
	/* Bytes that are no UTF-8 at all. */
	{
		char *text = told_of_long("\x80", 5000);

		ck_assert_uint_gt(strlen(text), 800);
		ck_assert_uint_lt(strlen(text), 1000);
		free(text);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("conf_error");
	TCase *tc = tcase_create("conf_error");

	tcase_add_test(tc, all_is_told_up_to_the_cap);
	tcase_add_test(tc, warnings_take_no_room_from_errors);
	tcase_add_test(tc, order_of_files_and_lines);
	tcase_add_test(tc, nothing_is_said_twice);
	tcase_add_test(tc, long_values_lose_their_middle);
	tcase_add_test(tc, long_values_stay_utf8);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
