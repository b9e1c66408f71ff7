/*
 * options.c - the words `name=value` behind a value: each has a row, as directives have.
 */
#include "conf/options.h"

#include "base/check.h"
#include "conf/foreign.h"
#include "conf/suggest.h"
#include "conf/types.h"

static void
unknown(struct conf_parse *c, struct str word, struct str name, const struct conf_directive *rows,
    unsigned nrows)
{
	struct conf_suggest s;
	struct buf list;
	char hint[CONF_SUGGEST_TEXT];
	const char *ours;

	buf_init(&list);
	conf_suggest_init(&s, name);
	for (unsigned i = 0; i < nrows; i++) {
		conf_suggest_offer(&s, rows[i].key);
		buf_printf(&list, "%s%.*s%s", i > 0 ? ", " : "", STR_ARG(rows[i].key),
		    rows[i].parse != NULL ? "=" : "");
	}
	ours = conf_foreign(name);
	if (ours != NULL)
		conf_bad(c, "\"%.*s\": unknown option (here it is %s)",
		    STR_ARG(conf_shown(c, word)), ours);
	else
		conf_bad(c, "\"%.*s\": unknown option (known: %s)%s",
		    STR_ARG(conf_shown(c, word)), buf_text(&list), conf_suggest_text(&s, hint));
	buf_fini(&list);
}

/* Lets the row's parser read the value; its messages name the option too. */
static bool
read_value(const struct conf_parse *c, const struct conf_directive *row, struct str value,
    char *place)
{
	struct conf_line line = *c->line;
	struct conf_parse option = *c;

	line.key = arena_printf(c->scratch, "%.*s %.*s", STR_ARG(line.key), STR_ARG(row->key));
	option.line = &line;
	option.row = row;
	if (value.n > 0)
		return row->parse(&option, value, place);
	conf_bad(&option, "has no value (use %.*s=VALUE)", STR_ARG(row->key));
	return false;
}

static bool
read_option(struct conf_parse *c, const struct conf_directive *row, struct str word,
    struct str value, char *place)
{
	if (row->parse != NULL)
		return read_value(c, row, value, place);
	if (value.p != NULL) {
		conf_bad(c, "\"%.*s\": %.*s takes no value", STR_ARG(conf_shown(c, word)),
		    STR_ARG(row->key));
		return false;
	}
	*(bool *)place = true;
	return true;
}

bool
conf_options(struct conf_parse *c, const struct conf_strs *words, unsigned first,
    const struct conf_directive *rows, unsigned nrows, void *place)
{
	uint32_t seen = 0;
	bool ok = true;

	CHECK(nrows <= CONF_OPTIONS);
	for (unsigned i = first; i < words->n; i++) {
		struct str value = words->v[i], name;
		unsigned r = 0;

		str_cut(&value, '=', &name);
		while (r < nrows && !str_eq(rows[r].key, name))
			r++;
		if (r == nrows) {
			unknown(c, words->v[i], name, rows, nrows);
			ok = false;
		} else if ((seen & UINT32_C(1) << r) != 0) {
			conf_bad(c, "%.*s stands twice", STR_ARG(rows[r].key));
			ok = false;
		} else {
			seen |= UINT32_C(1) << r;
			ok &= read_option(c, &rows[r], words->v[i], value,
			    (char *)place + rows[r].offset);
		}
	}
	return ok;
}
