/* Ranges, conditions, dates and lists of codings: what comes out of them keeps its promises. */

#include "fuzz.h"
#include "http/conditional.h"
#include "http/date.h"
#include "http/negotiate.h"
#include "http/ranges.h"

static void
check_ranges(struct str value, uint64_t size)
{
	struct range v[RANGES_MAX];
	uint64_t sum = 0;
	unsigned n;
	enum ranges_result r = ranges_parse(value, size, v, &n);

	CHECK(n <= RANGES_MAX);
	CHECK((r == RANGES_PARTIAL) == (r != RANGES_IGNORE && n > 0));
	for (unsigned i = 0; r == RANGES_PARTIAL && i < n; i++) {
		CHECK(v[i].first <= v[i].last && v[i].last < size);
		CHECK(range_len(&v[i]) <= size - sum);
		sum += range_len(&v[i]);
	}
}

/* What can be read comes back as it was when it is written. */
static void
check_date(struct str text)
{
	char again[HTTP_DATE_LEN];
	int64_t seconds, same;

	if (!http_date_parse(text, &seconds))
		return;
	http_date_write(again, seconds);
	CHECK(http_date_parse(str_make(again, sizeof(again)), &same));
	CHECK(same == seconds);
}

static void
check_tags(struct str list)
{
	struct str tag;
	size_t left = list.n;

	while (conditional_next_tag(&list, &tag)) {
		CHECK(tag.n >= 2 && tag.p[tag.n - 1] == '"');
		CHECK(list.n < left);
		left = list.n;
		CHECK(conditional_tags_eq(tag, tag, false));
		CHECK(conditional_tags_eq(tag, tag, true) == (tag.p[0] == '"'));
	}
}

static void
check_codings(const struct fields *fields)
{
	static const struct str offered[] = { STR("br"), STR("zstd"), STR("gzip") };
	unsigned order[NEGOTIATE_MAX], seen = 0;
	unsigned n = negotiate_codings(fields, offered, ARRAY_LEN(offered), order);

	CHECK(n <= ARRAY_LEN(offered));
	for (unsigned i = 0; i < n; i++) {
		CHECK(order[i] < ARRAY_LEN(offered) && !(seen & 1U << order[i]));
		seen |= 1U << order[i];
	}
}

/* Reading is never refused by a condition that writing would pass, and the other way round. */
static void
check_conditions(const struct fields *fields)
{
	const struct validators v = { .etag = STR("\"a\""), .modified = 784111777,
	    .has_modified = true, .modified_strong = true };
	enum condition get = conditional_check(fields, METHOD_GET, &v);
	enum condition put = conditional_check(fields, METHOD_PUT, &v);

	CHECK(put != CONDITION_NOT_MODIFIED);
	CHECK(get != CONDITION_FAILED || put == CONDITION_FAILED);
	CHECK(get != CONDITION_PASS || put == CONDITION_PASS);
	(void)conditional_range(fields, &v);
}

/* Lines of "Name: value". */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_make((const char *)data, size), line, name;
	struct arena arena;
	struct fields fields;

	arena_init(&arena);
	fields_init(&fields, &arena);
	while (str_cut(&rest, '\n', &line)) {
		if (!str_cut(&line, ':', &name) || name.n == 0 || line.p == NULL)
			continue;
		line = str_trim(line);
		fields_add(&fields, name, line);
		check_ranges(line, 0);
		check_ranges(line, 1000);
		check_ranges(line, UINT64_MAX);
		check_date(line);
		check_tags(line);
	}
	check_codings(&fields);
	check_conditions(&fields);
	arena_fini(&arena);
	return 0;
}
