/*
 * types_number.c - durations, sizes, rates, counts and choices.
 */
#include <inttypes.h>
#include <sched.h>

#include "conf/suggest.h"
#include "conf/table.h"
#include "conf/types.h"

struct unit {
	struct str name;
	int64_t factor;
};

static const struct unit durations[] = {
	{ STR("ms"), 1 },
	{ STR("s"), 1000 },
	{ STR("m"), 60 * 1000 },
	{ STR("h"), 3600 * 1000 },
	{ STR("d"), 86400 * 1000 },
	{ { NULL, 0 }, 0 },
};

static const struct unit sizes[] = {
	{ STR(""), 1 },
	{ STR("k"), 1024 },
	{ STR("m"), 1024 * 1024 },
	{ STR("g"), 1024 * 1024 * 1024 },
	{ { NULL, 0 }, 0 },
};

static const struct unit periods[] = {
	{ STR("s"), 1 },
	{ STR("m"), 60 },
	{ STR("h"), 3600 },
	{ { NULL, 0 }, 0 },
};

/* For the limits of rates. */
static const struct unit rates[] = {
	{ STR("/s"), 1 },
	{ STR("k/s"), 1024 },
	{ STR("m/s"), 1024 * 1024 },
	{ { NULL, 0 }, 0 },
};

static const struct unit percent[] = {
	{ STR("%"), 1 },
	{ { NULL, 0 }, 0 },
};

static const struct unit none[] = {
	{ STR(""), 1 },
	{ { NULL, 0 }, 0 },
};

static const struct unit *
find_unit(const struct unit *units, struct str name)
{
	for (; units->name.p != NULL; units++)
		if (str_ieq(units->name, name))
			return units;
	return NULL;
}

/* Cuts `text` into its leading digits and the rest. */
static void
split_digits(struct str text, struct str *digits, struct str *rest)
{
	size_t n = 0;

	while (n < text.n && char_is(text.p[n], CHAR_DIGIT))
		n++;
	*digits = str_make(text.p, n);
	*rest = str_skip(text, n);
}

/* A number and its unit; an overflow becomes a number that is out of any range. */
static bool
scaled(struct str text, const struct unit *units, int64_t *value)
{
	struct str digits, rest;
	const struct unit *unit;
	uint64_t n;

	split_digits(text, &digits, &rest);
	unit = find_unit(units, rest);
	if (digits.n == 0 || unit == NULL)
		return false;
	if (!str_uint(digits, INT64_MAX, &n) ||
	    __builtin_mul_overflow((int64_t)n, unit->factor, value))
		*value = INT64_MAX;
	return true;
}

static struct str
range_text(struct conf_parse *c, int64_t value, const struct unit *units)
{
	const struct unit *best = units;

	for (const struct unit *u = units; u->name.p != NULL; u++)
		if (value != 0 && value % u->factor == 0)
			best = u;
	return arena_printf(c->arena, "%" PRId64 "%.*s", value / best->factor, STR_ARG(best->name));
}

static const char *
or_off(const struct conf_parse *c)
{
	return c->row->flags & DIRECTIVE_OFF ? ", or off" : "";
}

static bool
in_range(struct conf_parse *c, struct str text, int64_t value, const struct unit *units)
{
	const struct conf_directive *row = c->row;

	if (value >= row->min && value <= row->max)
		return true;
	if (value < row->min)
		conf_bad(c, "\"%.*s\" is too small (at least %.*s%s)",
		    STR_ARG(conf_shown(c, text)), STR_ARG(range_text(c, row->min, units)),
		    or_off(c));
	else
		conf_bad(c, "\"%.*s\" is too big (at most %.*s%s)", STR_ARG(conf_shown(c, text)),
		    STR_ARG(range_text(c, row->max, units)), or_off(c));
	return false;
}

static bool
is_off(const struct conf_parse *c, struct str text)
{
	return (c->row->flags & DIRECTIVE_OFF) != 0 && str_eq(text, STR_OF("off"));
}

/* `30` where a duration is wanted. */
static void
bad_unit(struct conf_parse *c, struct str text)
{
	struct str digits, rest;

	split_digits(text, &digits, &rest);
	if (str_eq(text, STR_OF("0")) && in_range(c, text, 0, durations))
		conf_bad(c, "\"0\" has no unit (use 0s%s)", or_off(c));
	else if (str_eq(text, STR_OF("0")))
		;			/* it is too small */
	else if (conf_shown(c, text).p == text.p && digits.n > 0 && digits.n < 12 && rest.n == 0)
		conf_bad(c, "\"%.*s\" has no unit (use %.*ss or %.*s000ms)", STR_ARG(text),
		    STR_ARG(text), STR_ARG(text));
	else
		conf_bad(c, "\"%.*s\" is no duration (use a number and ms, s, m, h or d: 30s%s)",
		    STR_ARG(conf_shown(c, text)), or_off(c));
}

bool
conf_duration(struct conf_parse *c, struct str text, void *place)
{
	msec *out = place;

	if (is_off(c, text)) {
		*out = CONF_OFF;
		return true;
	}
	if (!scaled(text, durations, out)) {
		bad_unit(c, text);
		return false;
	}
	return in_range(c, text, *out, durations);
}

bool
conf_bytes(struct conf_parse *c, struct str text, void *place)
{
	int64_t *out = place;

	if (is_off(c, text)) {
		*out = CONF_OFF;
		return true;
	}
	if (!scaled(text, sizes, out)) {
		conf_bad(c, "\"%.*s\" is no size (use bytes, or a number and k, m or g: 16m%s)",
		    STR_ARG(conf_shown(c, text)), or_off(c));
		return false;
	}
	return in_range(c, text, *out, sizes);
}

bool
conf_count(struct conf_parse *c, struct str text, void *place)
{
	int64_t *out = place;

	if (is_off(c, text)) {
		*out = CONF_OFF;
		return true;
	}
	if (!scaled(text, none, out)) {
		conf_bad(c, "\"%.*s\" is no number (use digits%s)", STR_ARG(conf_shown(c, text)),
		    c->row->min == 0 && str_eq(text, STR_OF("off")) ? ": 0 for none" : or_off(c));
		return false;
	}
	return in_range(c, text, *out, none);
}

bool
conf_unsigned(struct conf_parse *c, struct str text, void *place)
{
	int64_t value;

	if (!conf_count(c, text, &value))
		return false;
	*(unsigned *)place = (unsigned)value;
	return true;
}

bool
conf_int(struct conf_parse *c, struct str text, void *place)
{
	bool negative = text.n > 0 && text.p[0] == '-';
	int64_t value;

	if (!scaled(str_skip(text, negative), none, &value)) {
		conf_bad(c, "\"%.*s\" is no number (use digits)", STR_ARG(conf_shown(c, text)));
		return false;
	}
	if (negative)
		value = -value;
	if (!in_range(c, text, value, none))
		return false;
	*(int *)place = (int)value;
	return true;
}

bool
conf_percent(struct conf_parse *c, struct str text, void *place)
{
	int64_t *out = place;

	if (is_off(c, text)) {
		*out = CONF_OFF;
		return true;
	}
	if (!scaled(text, percent, out)) {
		conf_bad(c, "\"%.*s\" is no percentage (use 20%%%s)",
		    STR_ARG(conf_shown(c, text)), or_off(c));
		return false;
	}
	return in_range(c, text, *out, percent);
}

bool
conf_unsigned_percent(struct conf_parse *c, struct str text, void *place)
{
	int64_t value;

	if (!conf_percent(c, text, &value))
		return false;
	*(unsigned *)place = (unsigned)value;
	return true;
}

/* Less than one a second would round to none at all: it is rounded up. */
bool
conf_rate(struct conf_parse *c, struct str text, void *place)
{
	int64_t *out = place, n;
	const struct unit *period;
	struct str number, rest = text;

	if (is_off(c, text)) {
		*out = CONF_OFF;
		return true;
	}
	str_cut(&rest, '/', &number);
	period = rest.p != NULL ? find_unit(periods, rest) : NULL;
	if (period == NULL || !scaled(number, sizes, &n)) {
		conf_bad(c, "\"%.*s\" is no rate (use N/s, N/m or N/h: 256/s%s)",
		    STR_ARG(conf_shown(c, text)), or_off(c));
		return false;
	}
	*out = n / period->factor + (n % period->factor != 0);
	return in_range(c, text, *out, rates);
}

bool
conf_is_bool(struct str text, bool *value)
{
	static const struct str yes[] = { STR("on"), STR("yes"), STR("true") };
	static const struct str no[] = { STR("off"), STR("no"), STR("false") };

	for (int i = 0; i < 3; i++) {
		if (str_eq(text, yes[i]) || str_eq(text, no[i])) {
			*value = str_eq(text, yes[i]);
			return true;
		}
	}
	return false;
}

bool
conf_bool(struct conf_parse *c, struct str text, void *place)
{
	if (conf_is_bool(text, place))
		return true;
	conf_bad(c, "\"%.*s\" is neither on nor off (use on, yes, true, off, no or false)",
	    STR_ARG(conf_shown(c, text)));
	return false;
}

bool
conf_choice(struct conf_parse *c, struct str text, void *place)
{
	struct buf list;
	struct conf_suggest s;
	char hint[CONF_SUGGEST_TEXT];

	buf_init(&list);
	conf_suggest_init(&s, text);
	for (int i = 0; c->row->choices[i] != NULL; i++) {
		if (str_eq(text, str_of(c->row->choices[i]))) {
			if (c->row->size == sizeof(bool))
				*(bool *)place = i != 0;
			else
				*(int *)place = i;
			buf_fini(&list);
			return true;
		}
		conf_suggest_offer(&s, str_of(c->row->choices[i]));
		buf_printf(&list, "%s%s", i > 0 ? ", " : "", c->row->choices[i]);
	}
	conf_bad(c, "\"%.*s\" is not one of %s%s", STR_ARG(conf_shown(c, text)), buf_text(&list),
	    conf_suggest_text(&s, hint));
	buf_fini(&list);
	return false;
}

bool
conf_choices(struct conf_parse *c, struct str text, void *place)
{
	struct conf_strs words;
	int choice = 0;

	(void)place;
	if (!conf_split(c, text, &words))
		return false;
	for (unsigned i = 0; i < words.n; i++) {
		if (!conf_choice(c, words.v[i], &choice))
			return false;
		conf_item(c, &choice);
	}
	return true;
}

bool
conf_bits(struct conf_parse *c, struct str text, void *place)
{
	struct conf_strs words;
	unsigned bits = 0;
	int choice = 0;

	if (!conf_split(c, text, &words))
		return false;
	for (unsigned i = 0; i < words.n; i++) {
		if (!conf_choice(c, words.v[i], &choice))
			return false;
		bits |= 1u << choice;
	}
	*(unsigned *)place = bits;
	return true;
}

/* Affinity masks are longer than cpu_set_t on machines with more than 1024 CPUs: one worker then
 * is a poor guess, but a number can be given. */
static unsigned
usable_cpus(int64_t max)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return n > max ? (unsigned)max : (unsigned)n;
}

bool
conf_workers(struct conf_parse *c, struct str text, void *place)
{
	if (str_all(text, CHAR_DIGIT))
		return conf_unsigned(c, text, place);
	if (!str_eq(text, STR_OF("auto"))) {
		conf_bad(c, "\"%.*s\" is no number of workers (use digits, or auto)",
		    STR_ARG(conf_shown(c, text)));
		return false;
	}
	*(unsigned *)place = usable_cpus(c->row->max);
	return true;
}
