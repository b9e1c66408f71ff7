/*
 * request_id.c - the id that a request has in logs, in error pages and towards servers.
 */
#include "proxy/request_id.h"

#include "base/rng.h"

static struct str
make(struct arena *arena)
{
	static const char digits[] = "0123456789abcdef";
	char *id = arena_alloc(arena, REQUEST_ID_LEN);
	uint64_t bits = 0;

	for (int i = 0; i < REQUEST_ID_LEN; i++) {
		if (i % 16 == 0)
			bits = rng_next();
		id[i] = digits[bits & 15];
		bits >>= 4;
	}
	return str_make(id, REQUEST_ID_LEN);
}

/* An id is one word, so that it can be searched for in a log. */
static bool
is_id(struct str s)
{
	if (s.n == 0 || s.n > REQUEST_ID_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
			return false;
	return true;
}

struct str
request_id_choose(const struct fields *fields, bool trusted, struct arena *arena)
{
	const struct field *f = trusted ? fields_find(fields, FIELD_X_REQUEST_ID) : NULL;

	return f != NULL && is_id(f->value) ? f->value : make(arena);
}
