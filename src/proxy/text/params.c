/*
 * params.c - the pairs in query strings and Cookie fields.
 */
#include "proxy/text/params.h"

static void
split(struct str text, struct param *p)
{
	p->value = text;
	str_cut(&p->value, '=', &p->name);
}

bool
query_next(struct str *rest, struct param *p)
{
	struct str text;

	if (!str_cut(rest, '&', &text))
		return false;
	split(text, p);
	return true;
}

bool
cookie_next(struct str *rest, struct param *p)
{
	struct str text;

	if (!str_cut(rest, ';', &text))
		return false;
	split(str_trim(text), p);
	p->name = str_trim(p->name);
	return true;
}

struct str
query_value(struct str query, struct str name)
{
	struct param p;

	while (query_next(&query, &p))
		if (str_eq(p.name, name))
			return p.value.p != NULL ? p.value : STR_OF("");
	return str_of(NULL);
}

struct str
cookie_value(const struct fields *fields, struct str name)
{
	FIELDS_EACH(f, fields) {
		struct str rest = f->value;
		struct param p;

		if (f->id != FIELD_COOKIE)
			continue;
		while (cookie_next(&rest, &p))
			if (p.value.p != NULL && str_eq(p.name, name))
				return p.value;
	}
	return str_of(NULL);
}

char
query_byte(struct str *raw)
{
	char c = raw->p[0];
	int high, low;

	if (c == '%' && raw->n >= 3) {
		high = char_hex(raw->p[1]);
		low = char_hex(raw->p[2]);
		if (high >= 0 && low >= 0) {
			*raw = str_skip(*raw, 3);
			return (char)(high << 4 | low);
		}
	}
	*raw = str_skip(*raw, 1);
	return c == '+' ? ' ' : c;
}

bool
query_text_eq(struct str raw, struct str text, bool prefix)
{
	for (size_t i = 0; i < text.n; i++)
		if (raw.n == 0 || query_byte(&raw) != text.p[i])
			return false;
	return prefix || raw.n == 0;
}
