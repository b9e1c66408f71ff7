/* str.c: comparing, cutting, numbers, classes of bytes, UTF-8 and hashes. */

#include "base/str.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "unit.h"

static void
check_str(struct str got, const char *want)
{
	ck_assert_msg(str_eq(got, str_of(want)), "got \"%.*s\", want \"%s\"", STR_ARG(got), want);
}

START_TEST(equality)
{
	const struct str absent = { NULL, 0 }, empty = { "", 0 };

	ck_assert(str_eq(absent, empty));
	ck_assert(str_ieq(absent, empty));
	ck_assert(str_eq(STR_OF("a\0b"), STR_OF("a\0b")));
	ck_assert(!str_eq(STR_OF("a\0b"), STR_OF("a\0c")));
	ck_assert(!str_ieq(STR_OF("abc"), STR_OF("abcd")));
	ck_assert(str_starts(STR_OF("abc"), absent));
	ck_assert(str_starts(absent, absent));
	ck_assert(str_ends(absent, empty));
	ck_assert(!str_starts(absent, STR_OF("a")));
	ck_assert(str_ends(STR_OF("abc"), STR_OF("bc")));
	ck_assert(!str_ends(STR_OF("bc"), STR_OF("abc")));
}
END_TEST

/* How often str_ieq() errs about texts of `n` bytes, with each pair of bytes at one place. */
static int
count_errors(size_t n, size_t at)
{
	char a[20], b[20];
	int errors = 0;

	memset(a, 'x', n);
	memset(b, 'X', n);
	for (unsigned pair = 0; pair < 65536; pair++) {
		a[at] = (char)(pair >> 8);
		b[at] = (char)pair;
		errors += str_ieq(str_make(a, n), str_make(b, n)) !=
		    (char_lower[pair >> 8] == char_lower[pair & 255]);
	}
	return errors;
}

START_TEST(case_insensitive_equality)
{
	for (size_t n = 1; n <= 20; n++)
		for (size_t at = 0; at < n; at++)
			ck_assert_msg(count_errors(n, at) == 0, "%zu bytes, place %zu", n, at);
}
END_TEST

START_TEST(order)
{
	ck_assert_int_lt(str_cmp(STR_OF("ab"), STR_OF("abc")), 0);
	ck_assert_int_gt(str_cmp(STR_OF("b"), STR_OF("abc")), 0);
	ck_assert_int_eq(str_cmp(STR_OF("abc"), STR_OF("abc")), 0);
	ck_assert_int_eq(str_cmp(str_make(NULL, 0), STR_OF("")), 0);
	ck_assert_int_gt(str_cmp(STR_OF("\xff"), STR_OF("a")), 0);
}
END_TEST

START_TEST(trimming)
{
	check_str(str_trim(STR_OF(" \t a b\t ")), "a b");
	check_str(str_trim(STR_OF(" \t ")), "");
	check_str(str_trim(str_make(NULL, 0)), "");
	check_str(str_trim(STR_OF("\r\na")), "\r\na");
}
END_TEST

START_TEST(cutting)
{
	struct str rest = STR("a,,b,"), item;

	ck_assert(str_cut(&rest, ',', &item));
	check_str(item, "a");
	ck_assert(str_cut(&rest, ',', &item));
	check_str(item, "");
	ck_assert(str_cut(&rest, ',', &item));
	check_str(item, "b");
	ck_assert(str_cut(&rest, ',', &item));
	check_str(item, "");
	ck_assert(!str_cut(&rest, ',', &item));

	rest = STR_OF("");
	ck_assert(str_cut(&rest, ',', &item));
	ck_assert_ptr_null(rest.p);
	ck_assert(!str_cut(&rest, ',', &item));
}
END_TEST

START_TEST(words)
{
	struct str rest = STR("  one\ttwo  "), word;

	ck_assert(str_word(&rest, &word));
	check_str(word, "one");
	ck_assert(str_word(&rest, &word));
	check_str(word, "two");
	ck_assert(!str_word(&rest, &word));
	rest = str_make(NULL, 0);
	ck_assert(!str_word(&rest, &word));
}
END_TEST

START_TEST(numbers)
{
	static const struct {
		const char *text;
		uint64_t max;
		bool ok;
		uint64_t value;
	} cases[] = {
		{ "0", 0, true, 0 },
		{ "1", 0, false, 0 },
		{ "007", 9, true, 7 },
		{ "", UINT64_MAX, false, 0 },
		{ "-1", UINT64_MAX, false, 0 },
		{ "+1", UINT64_MAX, false, 0 },
		{ "1 ", UINT64_MAX, false, 0 },
		{ "0x1", UINT64_MAX, false, 0 },
		{ "65535", 65535, true, 65535 },
		{ "65536", 65535, false, 0 },
		{ "655350", 65535, false, 0 },
		{ "18446744073709551615", UINT64_MAX, true, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, false, 0 },
		{ "99999999999999999999", UINT64_MAX, false, 0 },
		{ "\xb2", UINT64_MAX, false, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t v = 0;

		ck_assert_msg(str_uint(str_of(cases[i].text), cases[i].max, &v) == cases[i].ok,
		    "\"%s\"", cases[i].text);
		ck_assert_uint_eq(v, cases[i].value);
	}
}
END_TEST

static bool
among(const char *set, int c)
{
	return c != 0 && strchr(set, c) != NULL;
}

/* The classes once more, in the words of the RFCs. */
START_TEST(classes)
{
	for (int i = 0; i < 256; i++) {
		char c = (char)i;
		bool digit = i >= '0' && i <= '9';
		bool alpha = (i >= 'a' && i <= 'z') || (i >= 'A' && i <= 'Z');

		ck_assert(char_is(c, CHAR_DIGIT) == digit);
		ck_assert(char_is(c, CHAR_ALPHA) == alpha);
		ck_assert(char_is(c, CHAR_HEX) == (digit || among("abcdefABCDEF", i)));
		ck_assert(char_is(c, CHAR_TOKEN) ==
		    (digit || alpha || among("!#$%&'*+-.^_`|~", i)));
		ck_assert(char_is(c, CHAR_VALUE) == (i == '\t' || (i >= ' ' && i != 0x7f)));
		ck_assert(char_is(c, CHAR_TARGET) ==
		    (i > ' ' && i < 0x7f && !among("#\\\"<>^`{|}", i)));
		ck_assert(char_is(c, CHAR_HOST) ==
		    (digit || alpha || among("-._~!$&'()*+,;=%", i)));
		ck_assert_int_eq(char_lower[i], i >= 'A' && i <= 'Z' ? c + 32 : c);
	}
	ck_assert(str_all(STR_OF("Content-Type"), CHAR_TOKEN));
	ck_assert(!str_all(STR_OF("Content Type"), CHAR_TOKEN));
	ck_assert(str_all(STR_OF("ab12"), CHAR_ALPHA | CHAR_DIGIT));
	ck_assert(str_all(str_make(NULL, 0), CHAR_TOKEN));
}
END_TEST

/* Every byte value at every place of a block of 16 and behind it. */
START_TEST(value_span)
{
	char text[40];

	ck_assert_uint_eq(str_value_span(str_make(NULL, 0)), 0);
	for (int c = 0; c < 256; c++) {
		for (size_t at = 0; at < sizeof(text); at++) {
			size_t want = char_is((char)c, CHAR_VALUE) ? sizeof(text) : at;

			memset(text, 'a', sizeof(text));
			text[at] = (char)c;
			ck_assert_uint_eq(str_value_span(str_make(text, sizeof(text))), want);
		}
	}
}
END_TEST

START_TEST(hex_digits)
{
	ck_assert_int_eq(char_hex('0'), 0);
	ck_assert_int_eq(char_hex('9'), 9);
	ck_assert_int_eq(char_hex('a'), 10);
	ck_assert_int_eq(char_hex('F'), 15);
	ck_assert_int_eq(char_hex('g'), -1);
	ck_assert_int_eq(char_hex('\xb1'), -1);
}
END_TEST

START_TEST(utf8)
{
	static const struct {
		struct str s;
		size_t n;
	} cases[] = {
		{ STR(""), 0 },
		{ STR("\0"), 1 },
		{ STR("a"), 1 },
		{ STR("\x80"), 0 },
		{ STR("\xc1\xbf"), 0 },			/* overlong */
		{ STR("\xc2\x80"), 2 },
		{ STR("\xc3\xa9x"), 2 },
		{ STR("\xc3"), 0 },
		{ STR("\xc3x"), 0 },
		{ STR("\xe0\x9f\xbf"), 0 },		/* overlong */
		{ STR("\xe0\xa0\x80"), 3 },
		{ STR("\xed\x9f\xbf"), 3 },
		{ STR("\xed\xa0\x80"), 0 },		/* surrogate */
		{ STR("\xe2\x82"), 0 },
		{ STR("\xe2\x82\xac"), 3 },
		{ STR("\xe2\x82x"), 0 },
		{ STR("\xf0\x8f\xbf\xbf"), 0 },		/* overlong */
		{ STR("\xf0\x9f\x98\x80"), 4 },
		{ STR("\xf4\x8f\xbf\xbf"), 4 },
		{ STR("\xf4\x90\x80\x80"), 0 },		/* beyond U+10FFFF */
		{ STR("\xf5\x80\x80\x80"), 0 },
		{ STR("\xff"), 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		ck_assert_msg(str_utf8(cases[i].s) == cases[i].n, "case %zu", i);
}
END_TEST

START_TEST(hashes)
{
	static const char text[] = "Accept-Encoding: gzip";
	struct str upper = STR("X-FORWARDED-FOR"), mixed = STR("x-Forwarded-fOr");
	char copy[sizeof(text) + 1];

	ck_assert_uint_eq(str_hash(str_make(NULL, 0), 7), str_hash(STR_OF(""), 7));
	ck_assert_uint_eq(str_ihash(upper, 3), str_ihash(mixed, 3));
	ck_assert_uint_ne(str_hash(upper, 3), str_hash(mixed, 3));
	ck_assert_uint_ne(str_hash(upper, 3), str_hash(upper, 4));
	for (size_t n = 0; n < sizeof(text); n++) {
		uint64_t h = str_hash(str_make(text, n), 1);

		memcpy(copy + 1, text, sizeof(text));	/* no matter how it is aligned */
		ck_assert_uint_eq(str_hash(str_make(copy + 1, n), 1), h);
		ck_assert_uint_ne(str_hash(str_make(text, n + 1), 1), h);
	}
}
END_TEST

/* Texts that differ in little spread over a table: no place gets much more than its share. */
START_TEST(hash_spread)
{
	static unsigned count[1024];
	char text[32];
	unsigned most = 0;

	for (unsigned i = 0; i < 16 * ARRAY_LEN(count); i++) {
		int n = snprintf(text, sizeof(text), "host-%u.example.com", i);
		unsigned at = str_hash(str_make(text, (size_t)n), 0) % ARRAY_LEN(count);

		if (++count[at] > most)
			most = count[at];
	}
	ck_assert_uint_lt(most, 40);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("str");
	TCase *tc = tcase_create("str");

	tcase_add_test(tc, equality);
	tcase_add_test(tc, case_insensitive_equality);
	tcase_add_test(tc, order);
	tcase_add_test(tc, trimming);
	tcase_add_test(tc, cutting);
	tcase_add_test(tc, words);
	tcase_add_test(tc, numbers);
	tcase_add_test(tc, classes);
	tcase_add_test(tc, value_span);
	tcase_add_test(tc, hex_digits);
	tcase_add_test(tc, utf8);
	tcase_add_test(tc, hashes);
	tcase_add_test(tc, hash_spread);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
