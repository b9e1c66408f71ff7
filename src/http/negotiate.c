/*
 * negotiate.c - which content coding a client likes best: RFC 9110, 12.5.3.
 */
#include "http/negotiate.h"

#include "base/check.h"

enum { NOT_GIVEN = -1, WHOLE = 1000 };

/* A qvalue: `0`, `0.123`, `1`, `1.000`: RFC 9110, 12.4.2. */
static bool
read_weight(struct str text, int *permille)
{
	int scale = WHOLE;

	if (text.n == 0 || text.n > 5 || (text.p[0] != '0' && text.p[0] != '1') ||
	    (text.n > 1 && text.p[1] != '.'))
		return false;
	*permille = text.p[0] == '1' ? WHOLE : 0;
	for (size_t i = 2; i < text.n; i++) {
		if (!char_is(text.p[i], CHAR_DIGIT))
			return false;
		scale /= 10;
		*permille += (text.p[i] - '0') * scale;
	}
	return *permille <= WHOLE;
}

bool
negotiate_element(struct str element, struct str *name, int *permille)
{
	struct str part;

	*permille = WHOLE;
	if (!str_cut(&element, ';', &part))
		return false;
	*name = str_trim(part);
	if (name->n == 0 || !str_all(*name, CHAR_TOKEN))
		return false;
	while (str_cut(&element, ';', &part)) {
		part = str_trim(part);
		if (part.n < 2 || (part.p[0] | 0x20) != 'q' || part.p[1] != '=')
			continue;	/* a parameter that nobody has defined */
		if (!read_weight(str_skip(part, 2), permille))
			return false;
	}
	return true;
}

/* What the client says. */
struct wishes {
	int identity;
	int others;			/* `*` */
	int weights[NEGOTIATE_MAX];	/* by offered coding */
};

static bool
is_coding(struct str name, struct str coding)
{
	static const struct str old_prefix = STR("x-");	/* x-gzip is gzip: RFC 9110, 8.4.1.3 */

	if (name.n > 2 && str_ieq(str_make(name.p, 2), old_prefix))
		name = str_skip(name, 2);
	return str_ieq(name, coding);
}

static void
read_list(struct wishes *w, struct str list, const struct str *offered, unsigned n)
{
	struct str element, name;
	int weight;

	while (str_cut(&list, ',', &element)) {
		if (!negotiate_element(element, &name, &weight))
			continue;
		if (str_eq(name, STR_OF("*")))
			w->others = weight;
		else if (str_ieq(name, STR_OF("identity")))
			w->identity = weight;
		for (unsigned i = 0; i < n; i++)
			if (is_coding(name, offered[i]))
				w->weights[i] = weight;
	}
}

unsigned
negotiate_codings(const struct fields *request, const struct str *offered, unsigned n,
    unsigned order[NEGOTIATE_MAX])
{
	struct wishes w = { .identity = NOT_GIVEN, .others = NOT_GIVEN };
	unsigned found = 0;

	CHECK(n <= NEGOTIATE_MAX);
	for (unsigned i = 0; i < n; i++)
		w.weights[i] = NOT_GIVEN;
	FIELDS_EACH(f, request)
		if (f->id == FIELD_ACCEPT_ENCODING)
			read_list(&w, f->value, offered, n);
	for (unsigned i = 0; i < n; i++) {
		int weight = w.weights[i] != NOT_GIVEN ? w.weights[i] : w.others;
		unsigned at = found;

		if (weight <= 0 || weight < w.identity)
			continue;
		for (; at > 0 && weight > w.weights[order[at - 1]]; at--)
			order[at] = order[at - 1];
		order[at] = i;
		w.weights[i] = weight;
		found++;
	}
	return found;
}
