/* conditional.c: conditional requests in the order of RFC 9110, 13.2.2. */

#include "unit.h"

#include "base/check.h"
#include "http/conditional.h"
#include "http/date.h"

#define BEFORE	"Sun, 06 Nov 1994 08:49:36 GMT"
#define EQUAL	"Sun, 06 Nov 1994 08:49:37 GMT"
#define AFTER	"Sun, 06 Nov 1994 08:49:38 GMT"

enum { MODIFIED = 784111777 };

static struct arena arena;
static struct fields fields;

static void
setup(void)
{
	arena_init(&arena);
	fields_init(&fields, &arena);
}

static void
teardown(void)
{
	arena_fini(&arena);
}

/* Lines such as "If-Match: x\n". */
static void
add_fields(const char *text)
{
	struct str rest = str_of(text), line, name;

	while (rest.n > 0 && str_cut(&rest, '\n', &line)) {
		ck_assert(str_cut(&line, ':', &name));
		fields_add(&fields, name, str_trim(line));
	}
}

/* `tag` of the representation; NULL: it has neither tag nor date. */
static const struct {
	const char *request, *tag;
	int read, write;		/* status for GET and PUT */
} rows[] = {
	{ "", "\"a\"", 200, 200 },
	{ "If-Match: \"a\"", "\"a\"", 200, 200 },
	{ "If-Match: \"b\"", "\"a\"", 412, 412 },
	{ "If-Match: *", "\"a\"", 200, 200 },
	{ "If-Match: *", NULL, 200, 200 },
	{ "If-Match: \"a\"", NULL, 412, 412 },
	{ "If-Match: \"b\", \"a\"", "\"a\"", 200, 200 },
	{ "If-Match: \"b\",\"a\"", "\"a\"", 200, 200 },
	{ "If-Match: , ,\"a\" , ", "\"a\"", 200, 200 },
	{ "If-Match: \"b\"\nIf-Match: \"a\"", "\"a\"", 200, 200 },
	{ "If-Match: W/\"a\"", "\"a\"", 412, 412 },
	{ "If-Match: \"a\"", "W/\"a\"", 412, 412 },
	{ "If-Match: W/\"a\"", "W/\"a\"", 412, 412 },
	{ "If-Match:", "\"a\"", 412, 412 },
	{ "If-Match: a", "\"a\"", 412, 412 },
	{ "If-Match: \"a", "\"a\"", 412, 412 },
	{ "If-Match: 'a'", "\"a\"", 412, 412 },
	{ "If-Match: \"b\" \"a\"", "\"a\"", 412, 412 },
	{ "If-Match: \"x,\\\"a\\\",y\"", "\"a\"", 412, 412 },
	{ "If-Match: \"a,b\"", "\"a,b\"", 200, 200 },
	{ "If-Match: \"\"", "\"\"", 200, 200 },
	{ "If-Match: \"A\"", "\"a\"", 412, 412 },
	{ "If-Match: \"\xc3\xa4\"", "\"\xc3\xa4\"", 200, 200 },
	{ "If-Unmodified-Since: " BEFORE, "\"a\"", 412, 412 },
	{ "If-Unmodified-Since: " EQUAL, "\"a\"", 200, 200 },
	{ "If-Unmodified-Since: " AFTER, "\"a\"", 200, 200 },
	{ "If-Unmodified-Since: " BEFORE, NULL, 200, 200 },
	{ "If-Unmodified-Since: yesterday", "\"a\"", 200, 200 },
	{ "If-Unmodified-Since: " BEFORE "\nIf-Unmodified-Since: " BEFORE, "\"a\"", 200, 200 },
	{ "If-Match: \"a\"\nIf-Unmodified-Since: " BEFORE, "\"a\"", 200, 200 },
	{ "If-Match: \"b\"\nIf-Unmodified-Since: " AFTER, "\"a\"", 412, 412 },
	{ "If-None-Match: \"a\"", "\"a\"", 304, 412 },
	{ "If-None-Match: \"b\"", "\"a\"", 200, 200 },
	{ "If-None-Match: *", "\"a\"", 304, 412 },
	{ "If-None-Match: *", NULL, 304, 412 },
	{ "If-None-Match: \"b\", \"a\"", "\"a\"", 304, 412 },
	{ "If-None-Match: \"b\"\nIf-None-Match: \"a\"", "\"a\"", 304, 412 },
	{ "If-None-Match: W/\"a\"", "\"a\"", 304, 412 },
	{ "If-None-Match: \"a\"", "W/\"a\"", 304, 412 },
	{ "If-None-Match: W/\"a\"", "W/\"a\"", 304, 412 },
	{ "If-None-Match: w/\"a\"", "\"a\"", 200, 200 },
	{ "If-None-Match: a", "\"a\"", 200, 200 },
	{ "If-None-Match:", "\"a\"", 200, 200 },
	{ "If-None-Match: \"a\", x", "\"a\"", 304, 412 },
	{ "If-None-Match: x, \"a\"", "\"a\"", 200, 200 },
	{ "If-Modified-Since: " BEFORE, "\"a\"", 200, 200 },
	{ "If-Modified-Since: " EQUAL, "\"a\"", 304, 200 },
	{ "If-Modified-Since: " AFTER, "\"a\"", 304, 200 },
	{ "If-Modified-Since: " AFTER, NULL, 200, 200 },
	{ "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT", "\"a\"", 304, 200 },
	{ "If-Modified-Since: Sun Nov  6 08:49:37 1994", "\"a\"", 304, 200 },
	{ "If-Modified-Since: 784111777", "\"a\"", 200, 200 },
	{ "If-Modified-Since: " AFTER "; length=5", "\"a\"", 200, 200 },
	{ "If-Modified-Since: " AFTER "\nIf-Modified-Since: " AFTER, "\"a\"", 200, 200 },
	{ "If-None-Match: \"b\"\nIf-Modified-Since: " AFTER, "\"a\"", 200, 200 },
	{ "If-None-Match: \"a\"\nIf-Modified-Since: " BEFORE, "\"a\"", 304, 412 },
	{ "If-Match: \"a\"\nIf-None-Match: \"a\"", "\"a\"", 304, 412 },
	{ "If-Match: \"b\"\nIf-None-Match: \"a\"", "\"a\"", 412, 412 },
	{ "If-Unmodified-Since: " BEFORE "\nIf-None-Match: \"a\"", "\"a\"", 412, 412 },
	{ "If-Unmodified-Since: " AFTER "\nIf-Modified-Since: " AFTER, "\"a\"", 304, 200 },
	{ "If-Match: *\nIf-Modified-Since: " AFTER, "\"a\"", 304, 200 },
};

static struct validators
validators(const char *tag, bool strong)
{
	return (struct validators){ .etag = str_of(tag), .modified = MODIFIED,
	    .has_modified = tag != NULL, .modified_strong = strong };
}

static int
status(enum method method, const struct validators *v)
{
	static const int statuses[] = { 200, 304, 412 };

	return statuses[conditional_check(&fields, method, v)];
}

START_TEST(check)
{
	struct validators v = validators(rows[_i].tag, true);

	add_fields(rows[_i].request);
	ck_assert_int_eq(status(METHOD_GET, &v), rows[_i].read);
	ck_assert_int_eq(status(METHOD_HEAD, &v), rows[_i].read);
	ck_assert_int_eq(status(METHOD_PUT, &v), rows[_i].write);
}
END_TEST

static const struct {
	const char *request, *tag;
	bool strong_date, range;
} range_rows[] = {
	{ "", "\"a\"", true, true },
	{ "If-Range: \"a\"", "\"a\"", true, true },
	{ "If-Range: \"b\"", "\"a\"", true, false },
	{ "If-Range: W/\"a\"", "\"a\"", true, false },
	{ "If-Range: \"a\"", "W/\"a\"", true, false },
	{ "If-Range: W/\"a\"", "W/\"a\"", true, false },
	{ "If-Range: \"a\"", NULL, true, false },
	{ "If-Range: \"a\", \"b\"", "\"a\"", true, false },
	{ "If-Range: *", "\"a\"", true, false },
	{ "If-Range: a", "\"a\"", true, false },
	{ "If-Range:", "\"a\"", true, false },
	{ "If-Range: " EQUAL, "\"a\"", true, true },
	{ "If-Range: " EQUAL, "\"a\"", false, false },
	{ "If-Range: " BEFORE, "\"a\"", true, false },
	{ "If-Range: " AFTER, "\"a\"", true, false },
	{ "If-Range: " EQUAL, NULL, true, false },
	{ "If-Range: \"a\"\nIf-Range: \"a\"", "\"a\"", true, false },
};

START_TEST(range)
{
	struct validators v = validators(range_rows[_i].tag, range_rows[_i].strong_date);

	add_fields(range_rows[_i].request);
	ck_assert(conditional_range(&fields, &v) == range_rows[_i].range);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("conditional");
	TCase *tc = tcase_create("conditional");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, check, 0, ARRAY_LEN(rows));
	tcase_add_loop_test(tc, range, 0, ARRAY_LEN(range_rows));
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
