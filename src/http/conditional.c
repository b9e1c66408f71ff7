/*
 * conditional.c - conditional requests: RFC 9110, section 13.
 */
#include "http/conditional.h"

#include "http/date.h"

static const struct str weak_mark = STR("W/");

static bool
is_tag_char(char c)
{
	unsigned char u = (unsigned char)c;

	return u == 0x21 || (u >= 0x23 && u != 0x7f);
}

bool
conditional_next_tag(struct str *rest, struct str *tag)
{
	struct str s = *rest;
	size_t n;

	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[0] == ','))
		s = str_skip(s, 1);
	*rest = s;
	if (s.n == 0)
		return false;
	n = str_starts(s, weak_mark) ? weak_mark.n : 0;
	if (n >= s.n || s.p[n++] != '"')
		goto malformed;
	while (n < s.n && is_tag_char(s.p[n]))
		n++;
	if (n >= s.n || s.p[n++] != '"')
		goto malformed;
	*tag = str_make(s.p, n);
	s = str_trim(str_skip(s, n));
	if (s.n > 0 && s.p[0] != ',')
		goto malformed;
	*rest = s;
	return true;
malformed:
	*rest = (struct str){ NULL, 0 };
	return false;
}

bool
conditional_tags_eq(struct str a, struct str b, bool strong)
{
	bool a_weak = str_starts(a, weak_mark), b_weak = str_starts(b, weak_mark);

	if (strong && (a_weak || b_weak))
		return false;
	return str_eq(str_skip(a, a_weak ? weak_mark.n : 0), str_skip(b, b_weak ? weak_mark.n : 0));
}

/* Whether our tag is in one of the fields with this id, or one of them is `*`. */
static bool
has_tag(const struct fields *request, enum field_id id, struct str etag, bool strong)
{
	FIELDS_EACH(f, request) {
		struct str rest = f->value, tag;

		if (f->id != id)
			continue;
		if (str_eq(rest, STR_OF("*")))
			return true;
		while (etag.p != NULL && conditional_next_tag(&rest, &tag))
			if (conditional_tags_eq(tag, etag, strong))
				return true;
	}
	return false;
}

/* The date in the only field with this id. */
static bool
get_date(const struct fields *request, enum field_id id, int64_t *date)
{
	const struct field *f = fields_find(request, id);

	return f != NULL && fields_count(request, id) == 1 && http_date_parse(f->value, date);
}

/* Steps 1 and 2: whether the state is still the one that the client has in mind. */
static bool
still_holds(const struct fields *request, const struct validators *v)
{
	int64_t date;

	if (fields_find(request, FIELD_IF_MATCH) != NULL)
		return has_tag(request, FIELD_IF_MATCH, v->etag, true);
	if (v->has_modified && get_date(request, FIELD_IF_UNMODIFIED_SINCE, &date))
		return v->modified <= date;
	return true;
}

enum condition
conditional_check(const struct fields *request, enum method method, const struct validators *v)
{
	bool reads = method == METHOD_GET || method == METHOD_HEAD;
	int64_t date;

	if (!still_holds(request, v))
		return CONDITION_FAILED;
	if (fields_find(request, FIELD_IF_NONE_MATCH) != NULL) {
		if (!has_tag(request, FIELD_IF_NONE_MATCH, v->etag, false))
			return CONDITION_PASS;
		return reads ? CONDITION_NOT_MODIFIED : CONDITION_FAILED;
	}
	if (reads && v->has_modified && get_date(request, FIELD_IF_MODIFIED_SINCE, &date) &&
	    v->modified <= date)
		return CONDITION_NOT_MODIFIED;
	return CONDITION_PASS;
}

bool
conditional_range(const struct fields *request, const struct validators *v)
{
	const struct field *f = fields_find(request, FIELD_IF_RANGE);
	int64_t date;

	if (f == NULL)
		return true;
	if (fields_count(request, FIELD_IF_RANGE) > 1)
		return false;
	if (f->value.n > 0 && (f->value.p[0] == '"' || str_starts(f->value, weak_mark)))
		return v->etag.p != NULL && conditional_tags_eq(f->value, v->etag, true);
	return v->has_modified && v->modified_strong && http_date_parse(f->value, &date) &&
	    date == v->modified;
}
