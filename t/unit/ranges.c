/* ranges.c: which bytes a Range field asks for. */

#include "unit.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/check.h"
#include "http/ranges.h"

/* `want`: the ranges, "" when all is sent, "416" when nothing is there. */
static const struct {
	const char *value;
	uint64_t size;
	const char *want;
} rows[] = {
	{ "bytes=0-0", 100, "0-0" },
	{ "bytes=0-99", 100, "0-99" },
	{ "bytes=0-", 100, "0-99" },
	{ "bytes=50-", 100, "50-99" },
	{ "bytes=99-", 100, "99-99" },
	{ "bytes=-1", 100, "99-99" },
	{ "bytes=-100", 100, "0-99" },
	{ "bytes=-101", 100, "0-99" },
	{ "bytes=-99999999999999999999999", 100, "0-99" },
	{ "bytes=10-1000", 100, "10-99" },
	{ "bytes=10-99999999999999999999999", 100, "10-99" },
	{ "bytes=00010-00019", 100, "10-19" },
	{ "Bytes=1-2", 100, "1-2" },
	{ "BYTES=1-2", 100, "1-2" },
	{ "bytes= 1-2", 100, "1-2" },
	{ "bytes=1-2 ", 100, "1-2" },
	{ "bytes=0-9,20-29", 100, "0-9 20-29" },
	{ "bytes=0-9 , 20-29", 100, "0-9 20-29" },
	{ "bytes=0-9\t,\t20-29", 100, "0-9 20-29" },
	{ "bytes=,0-9,,20-29,", 100, "0-9 20-29" },
	{ "bytes=20-29,0-9", 100, "20-29 0-9" },
	{ "bytes=0-9,200-300", 100, "0-9" },
	{ "bytes=200-300,0-9", 100, "0-9" },
	{ "bytes=0-0,-1", 100, "0-0 99-99" },
	{ "bytes=-1,-0", 100, "99-99" },
	{ "bytes=0-49,50-99", 100, "0-49 50-99" },
	{ "bytes=0-49,49-98", 100, "0-49 49-98" },
	{ "bytes=0-9,5-14", 100, "0-9 5-14" },
	{ "bytes=1-1", 2, "1-1" },
	{ "bytes=0-0", 1, "0-0" },
	{ "bytes=5368709115-", 5368709120, "5368709115-5368709119" },
	{ "bytes=-5", 5368709120, "5368709115-5368709119" },
	{ "bytes=0-18446744073709551615", UINT64_MAX, "0-18446744073709551614" },
	{ "bytes=100-", 100, "416" },
	{ "bytes=100-200", 100, "416" },
	{ "bytes=-0", 100, "416" },
	{ "bytes=100-,-0", 100, "416" },
	{ "bytes=99999999999999999999999-", 100, "416" },
	{ "bytes=99999999999999999999999-99999999999999999999999", 100, "416" },
	{ "bytes=0-49,0-50", 100, "" },		/* more bytes than there are */
	{ "bytes=0-,0-", 100, "" },
	{ "bytes=0-,-1", 100, "" },
	{ "bytes=0-,5-5", 100, "" },
	{ "bytes=0-0", 0, "" },			/* an empty file has no bytes to name */
	{ "bytes=-5", 0, "" },
	{ "bytes=0-", 0, "" },
	{ "", 100, "" },
	{ "bytes", 100, "" },
	{ "bytes=", 100, "" },
	{ "bytes=,", 100, "" },
	{ "bytes= ", 100, "" },
	{ "bytes=-", 100, "" },
	{ "bytes=--1", 100, "" },
	{ "bytes=-1-", 100, "" },
	{ "bytes=1", 100, "" },
	{ "bytes=2-1", 100, "" },
	{ "bytes=0-9,2-1", 100, "" },
	{ "bytes=0-9,x", 100, "" },
	{ "bytes=0-9;20-29", 100, "" },
	{ "bytes=0-9 20-29", 100, "" },
	{ "bytes=0 -9", 100, "" },
	{ "bytes=0- 9", 100, "" },
	{ "bytes=+1-2", 100, "" },
	{ "bytes=0x1-2", 100, "" },
	{ "bytes=1.0-2", 100, "" },
	{ "bytes =0-9", 100, "" },
	{ "bytes:0-9", 100, "" },
	{ "items=0-9", 100, "" },
	{ "bits=0-9", 100, "" },
	{ "0-9", 100, "" },
	{ "bytes=0-9-20", 100, "" },
};

static void
describe(enum ranges_result r, const struct range *v, unsigned n, struct buf *out)
{
	if (r == RANGES_NONE)
		buf_cstr(out, "416");
	for (unsigned i = 0; r == RANGES_PARTIAL && i < n; i++)
		buf_printf(out, "%s%llu-%llu", i > 0 ? " " : "", (unsigned long long)v[i].first,
		    (unsigned long long)v[i].last);
}

START_TEST(table)
{
	struct range v[RANGES_MAX];
	struct buf got = { NULL, 0, 0 };
	unsigned n;
	enum ranges_result r = ranges_parse(str_of(rows[_i].value), rows[_i].size, v, &n);

	describe(r, v, n, &got);
	ck_assert_str_eq(buf_text(&got), rows[_i].want);
	buf_fini(&got);
}
END_TEST

static enum ranges_result
parse_many(unsigned count, uint64_t size, unsigned *n)
{
	struct range v[RANGES_MAX];
	struct buf text = { NULL, 0, 0 };
	enum ranges_result r;

	buf_cstr(&text, "bytes=");
	for (unsigned i = 0; i < count; i++)
		buf_printf(&text, "%s%u-%u", i > 0 ? "," : "", i * 2, i * 2);
	r = ranges_parse(buf_view(&text), size, v, n);
	buf_fini(&text);
	return r;
}

START_TEST(many)
{
	unsigned n;

	ck_assert(parse_many(RANGES_MAX, 1000000, &n) == RANGES_PARTIAL);
	ck_assert_uint_eq(n, RANGES_MAX);
	ck_assert(parse_many(RANGES_MAX + 1, 1000000, &n) == RANGES_IGNORE);
	ck_assert(parse_many(10000, 1000000, &n) == RANGES_IGNORE);
	ck_assert(parse_many(10000, 1, &n) == RANGES_IGNORE);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ranges");
	TCase *tc = tcase_create("ranges");

	tcase_add_loop_test(tc, table, 0, ARRAY_LEN(rows));
	tcase_add_test(tc, many);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
