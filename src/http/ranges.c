/*
 * ranges.c - which bytes a Range field asks for: RFC 9110, section 14.
 */
#include "http/ranges.h"

#include "base/check.h"

/* Digits; a number too large for us lies behind the end of everything. */
static bool
read_position(struct str text, uint64_t *value)
{
	if (text.n == 0 || !str_all(text, CHAR_DIGIT))
		return false;
	if (!str_uint(text, UINT64_MAX, value))
		*value = UINT64_MAX;
	return true;
}

enum spec { SPEC_BAD, SPEC_NONE, SPEC_RANGE };

/* One of `first-last`, `first-`, `-suffix`; NONE: well-formed, but out of reach. */
static enum spec
read_spec(struct str spec, uint64_t size, struct range *r)
{
	ptrdiff_t dash = str_find(spec, '-');
	struct str before, after;
	uint64_t suffix;

	if (dash < 0)
		return SPEC_BAD;
	before = str_make(spec.p, (size_t)dash);
	after = str_skip(spec, (size_t)dash + 1);
	r->last = size - 1;
	if (before.n == 0) {
		if (!read_position(after, &suffix))
			return SPEC_BAD;
		r->first = suffix < size ? size - suffix : 0;
		return suffix > 0 ? SPEC_RANGE : SPEC_NONE;
	}
	if (!read_position(before, &r->first))
		return SPEC_BAD;
	if (after.n > 0 && (!read_position(after, &r->last) || r->last < r->first))
		return SPEC_BAD;
	if (r->first >= size)
		return SPEC_NONE;
	if (r->last >= size)
		r->last = size - 1;
	return SPEC_RANGE;
}

enum ranges_result
ranges_parse(struct str value, uint64_t size, struct range out[RANGES_MAX], unsigned *n)
{
	static const struct str unit = STR("bytes=");
	uint64_t left = size;
	unsigned seen = 0;
	struct str item;

	*n = 0;
	if (size == 0 || value.n < unit.n || !str_ieq(str_make(value.p, unit.n), unit))
		return RANGES_IGNORE;
	value = str_skip(value, unit.n);
	while (str_cut(&value, ',', &item)) {
		struct range r;

		item = str_trim(item);
		if (item.n == 0)
			continue;	/* RFC 9110, 5.6.1.2: empty elements do not count */
		if (++seen > RANGES_MAX)
			return RANGES_IGNORE;
		switch (read_spec(item, size, &r)) {
		case SPEC_BAD:
			return RANGES_IGNORE;
		case SPEC_NONE:
			continue;
		case SPEC_RANGE:
			break;
		}
		if (range_len(&r) > left)
			return RANGES_IGNORE;
		left -= range_len(&r);
		out[(*n)++] = r;
	}
	if (seen == 0)
		return RANGES_IGNORE;
	return *n > 0 ? RANGES_PARTIAL : RANGES_NONE;
}
