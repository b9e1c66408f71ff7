/*
 * redact.c - values that a log must not show: of query arguments, fields and cookies.
 */
#include "proxy/text/redact.h"

#include "http/fields.h"
#include "proxy/text/params.h"
#include "proxy/text/variables.h"

/* What a byte ends: a name begins behind a separator, and blanks and such stand in no URI. */
enum { SEPARATOR = 1, NAME_END = 2, VALUE_END = 4, COOKIE_END = 8 };

static const uint8_t ends[256] = {
	['?'] = SEPARATOR | NAME_END,
	['#'] = SEPARATOR | NAME_END | VALUE_END,
	['&'] = SEPARATOR | NAME_END | VALUE_END,
	[';'] = SEPARATOR | NAME_END | COOKIE_END,
	['='] = NAME_END,
	[' '] = NAME_END | VALUE_END,
	['<'] = NAME_END | VALUE_END,
	['>'] = NAME_END | VALUE_END,
	['"'] = NAME_END | VALUE_END,
};

/* Names of the list are in lower case already, with - for _. */
static bool
same_name(struct str name, struct str raw)
{
	for (size_t i = 0; i < name.n; i++) {
		char c;

		if (raw.n == 0)
			return false;
		c = query_byte(&raw);
		if (name.p[i] != (c == '_' ? '-' : char_lower[(unsigned char)c]))
			return false;
	}
	return raw.n == 0;
}

static bool
is_hidden(const struct conf_strs *names, struct str raw)
{
	for (unsigned i = 0; i < names->n; i++)
		if (same_name(names->v[i], raw))
			return true;
	return false;
}

enum redact
redact_group(const struct conf_strs *names, struct str group)
{
	return is_hidden(names, group) ? REDACT_ALL : REDACT_URI;
}

enum redact
redact_field(const struct conf_strs *names, struct str field)
{
	if (is_hidden(names, field))
		return REDACT_ALL;
	if (str_ieq(field, STR_OF("Cookie")) || str_ieq(field, STR_OF("Set-Cookie")))
		return REDACT_COOKIE;
	return REDACT_URI;
}

enum redact
redact_variable(const struct conf_strs *names, const struct variable *v, struct str arg)
{
	if (v->flags & VARIABLE_FIELDS)
		return redact_field(names, arg);
	if (str_eq(v->name, STR_OF("args")))
		return REDACT_QUERY;
	if (str_eq(v->name, STR_OF("cookie_")) && is_hidden(names, STR_OF("cookie")))
		return REDACT_ALL;
	return redact_group(names, arg);
}

/* Index of the first byte from `i` on that is an end of this kind, or that of the end. */
static size_t
find_end(struct str text, size_t i, int kind)
{
	while (i < text.n && !(ends[(unsigned char)text.p[i]] & kind))
		i++;
	return i;
}

/* Where the next name begins, at or behind `i`. */
static size_t
next_name(struct str text, size_t i)
{
	i = find_end(text, i, SEPARATOR) + 1;
	while (i < text.n && text.p[i] == ' ')
		i++;
	return i;
}

/* A ';' in the value of an argument may be a part of it; better too much is hidden. */
static size_t
value_end(struct str text, size_t i, enum redact what)
{
	return find_end(text, i, what == REDACT_COOKIE ? COOKIE_END : VALUE_END);
}

/* The text with `-` for hidden values, of which there may be none. */
static struct str
redact_pairs(const struct conf_strs *names, enum redact what, struct str text,
    struct arena *arena)
{
	size_t i = what == REDACT_URI ? next_name(text, 0) : 0, done = 0, n = 0;
	char *out = NULL;

	while (i < text.n) {
		size_t name = i, value, end;

		i = find_end(text, name, NAME_END);
		if (i == text.n)
			break;
		value = i + 1;
		if (text.p[i] == '=' && is_hidden(names, str_make(text.p + name, i - name)) &&
		    (end = value_end(text, value, what)) > value) {
			if (out == NULL)
				out = arena_alloc(arena, text.n);	/* no value gets longer */
			memcpy(out + n, text.p + done, value - done);
			n += value - done;
			out[n++] = '-';
			i = done = end;
		}
		i = next_name(text, i);
	}
	if (out == NULL)
		return text;
	memcpy(out + n, text.p + done, text.n - done);
	return str_make(out, n + text.n - done);
}

struct str
redact_value(const struct conf_strs *names, enum redact what, struct str value,
    struct arena *arena)
{
	if (what == REDACT_NOT || value.n == 0)
		return value;
	return what == REDACT_ALL ? STR_OF("-") : redact_pairs(names, what, value, arena);
}
