/*
 * settings.c - what the lines of a section mean: lines become values through the directive table.
 */
#include "conf/settings.h"

#include "base/check.h"
#include "conf/expand.h"
#include "conf/foreign.h"
#include "conf/suggest.h"
#include "conf/table.h"

static const struct str absent = { NULL, 0 };

void
conf_item(struct conf_parse *c, const void *item)
{
	buf_add(&c->items, item, c->row->item);
	c->nitems++;
}

/* What people write behind a value that means something elsewhere. */
static const char *
habit(struct str value)
{
	if (str_ends(value, STR_OF(";")))
		return " (values end with their line: leave out the semicolon)";
	for (size_t i = 1; i < value.n; i++)
		if ((value.p[i] == '#' || value.p[i] == ';') &&
		    (value.p[i - 1] == ' ' || value.p[i - 1] == '\t'))
			return " (a comment is a line of its own)";
	return "";
}

void
conf_bad(struct conf_parse *c, const char *fmt, ...)
{
	struct buf text;
	va_list ap;

	buf_init(&text);
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	conf_error(c->document->errors, c->line->at, "%.*s %.*s: %s%s",
	    STR_ARG(conf_section_title(c->document, c->section)), STR_ARG(c->line->key),
	    buf_text(&text), habit(c->line->raw));
	buf_fini(&text);
}

struct conf_setting *
conf_setting_find(const struct conf_section *s, const struct conf_directive *row)
{
	for (struct conf_setting *set = s->settings; set != NULL; set = set->next)
		if (set->row == row)
			return set;
	return NULL;
}

/* The next row at or after `row` that has the key and may stand in the section, or NULL. */
static const struct conf_directive *
find_row(const struct conf_directive *row, unsigned where, struct str key)
{
	for (; row < conf_directives + conf_ndirectives; row++)
		if ((row->where & where) != 0 && str_eq(row->key, key))
			return row;
	return NULL;
}

/* The key is known, but not here: where it belongs, as `[route] or [host]`; else absent. */
static struct str
where_it_belongs(struct conf_document *d, struct str key)
{
	struct buf text;
	struct str result = absent;
	unsigned where = 0;

	for (unsigned i = 0; i < conf_ndirectives; i++)
		if (str_eq(conf_directives[i].key, key))
			where |= conf_directives[i].where;
	buf_init(&text);
	for (unsigned kind = 0; kind < KIND_COUNT; kind++)
		if ((where & 1u << kind) != 0)
			buf_printf(&text, "%s[%s]", text.n > 0 ? " or " : "",
			    conf_kind_names[kind].p);
	if (text.n > 0)
		result = arena_str(&d->arena, buf_view(&text));
	buf_fini(&text);
	return result;
}

static void
unknown_key(struct conf_document *d, const struct conf_section *s, const struct conf_line *line)
{
	struct str title = conf_section_title(d, s);
	struct str belongs = where_it_belongs(d, line->key);
	struct conf_suggest suggest;
	char hint[CONF_SUGGEST_TEXT];
	const char *ours, *missing;

	if ((ours = conf_misplaced(s->kind, line->key)) != NULL) {
		conf_error(d->errors, line->at, "%.*s %.*s: unknown key (here it is %s)",
		    STR_ARG(title), STR_ARG(line->key), ours);
		return;
	}
	if (belongs.p != NULL) {
		conf_error(d->errors, line->at, "%.*s %.*s: does not belong here (but in %.*s)",
		    STR_ARG(title), STR_ARG(line->key), STR_ARG(belongs));
		return;
	}
	if ((ours = conf_foreign(line->key)) != NULL) {
		conf_error(d->errors, line->at, "%.*s %.*s: unknown key (here it is %s)",
		    STR_ARG(title), STR_ARG(line->key), ours);
		return;
	}
	if ((missing = conf_foreign_missing(line->key)) != NULL) {
		conf_error(d->errors, line->at, "%.*s %.*s: unknown key (this version has no %s)",
		    STR_ARG(title), STR_ARG(line->key), missing);
		return;
	}
	conf_suggest_init(&suggest, line->key);
	for (unsigned i = 0; i < conf_ndirectives; i++)
		if ((conf_directives[i].where & 1u << s->kind) != 0)
			conf_suggest_offer(&suggest, conf_directives[i].key);
	conf_error(d->errors, line->at, "%.*s %.*s: unknown key%s", STR_ARG(title),
	    STR_ARG(line->key), conf_suggest_text(&suggest, hint));
}

static struct conf_setting *
add_setting(struct conf_document *d, struct conf_section *s, const struct conf_directive *row)
{
	struct conf_setting *set = ARENA_NEW(&d->arena, struct conf_setting);

	set->row = row;
	set->next = s->settings;
	s->settings = set;
	return set;
}

static void
twice(struct conf_document *d, const struct conf_section *s, const struct conf_line *line,
    struct conf_origin before)
{
	conf_error(d->errors, line->at, "%.*s %.*s: stands at %.*s already (the key is no list)",
	    STR_ARG(conf_section_title(d, s)), STR_ARG(line->key),
	    STR_ARG(conf_origin_text(d, before)));
}

/* Notes that the line sets the directive; a list's lines are chained, `key =` forgets them. */
static void
note_line(struct conf_document *d, struct conf_section *s, const struct conf_directive *row,
    struct conf_line *line)
{
	struct conf_setting *set = conf_setting_find(s, row);

	if (line->raw.n == 0 && !conf_directive_inherits(row)) {
		conf_error(d->errors, line->at, "%.*s %.*s: has no value",
		    STR_ARG(conf_section_title(d, s)), STR_ARG(line->key));
		return;
	}
	if (set == NULL)
		set = add_setting(d, s, row);
	else if ((row->flags & DIRECTIVE_LIST) == 0) {
		twice(d, s, line, set->at);
		return;
	}
	set->at = line->at;
	if (line->raw.n == 0) {
		set->cleared = true;
		set->first = set->last = NULL;
	} else if (set->first == NULL) {
		set->first = set->last = line;
	} else {
		set->last->same = line;
		set->last = line;
	}
}

/* A policy is shared later: the one here is a draft. */
void *
conf_values(struct conf_document *d, struct conf_section *s, unsigned owner)
{
	struct arena *arena = owner == OWNER_POLICY ? &d->arena : d->kept;

	if (s->values[owner] == NULL)
		s->values[owner] = arena_zalloc(arena, conf_struct_sizes[owner]);
	return s->values[owner];
}

static bool
parse_line(struct conf_parse *c, void *place)
{
	bool dollars = (c->row->flags & DIRECTIVE_TEMPLATE) == 0;
	struct str text = c->line->raw;
	const char *why = NULL;

	if ((c->row->flags & DIRECTIVE_VERBATIM) == 0)
		text = conf_expand(c->document, text, dollars, &why);
	if (text.p == NULL) {
		conf_bad(c, "%s", why);
		return false;
	}
	c->secret = text.p != c->line->raw.p;
	text = str_trim(text);
	if (text.n > 0)
		return c->row->parse(c, text, place);
	conf_bad(c, "has no value (\"%.*s\" is empty)", STR_ARG(c->line->raw));
	return false;
}

/* The items that a list's lines gave, as an array behind a pointer and a count at `place`. */
static void
store_list(struct conf_parse *c, char *place)
{
	void *array = NULL;

	if (c->nitems > 0) {
		array = arena_alloc(c->arena, c->items.n);
		memcpy(array, c->items.p, c->items.n);
	}
	CHECK(c->row->size >= sizeof(array) + sizeof(c->nitems));
	memcpy(place, &array, sizeof(array));
	memcpy(place + sizeof(array), &c->nitems, sizeof(c->nitems));
}

static void
parse_setting(struct conf_document *d, struct conf_section *s, struct conf_setting *set)
{
	struct conf_parse c = {
		.document = d,
		.arena = d->kept,
		.scratch = &d->arena,
		.section = s,
		.row = set->row,
	};
	char *place = (char *)conf_values(d, s, set->row->owner) + set->row->offset;

	buf_init(&c.items);
	for (c.line = set->first; c.line != NULL; c.line = c.line->same)
		set->wrong |= !parse_line(&c, place);
	if ((set->row->flags & (DIRECTIVE_LIST | DIRECTIVE_NOTED)) == DIRECTIVE_LIST)
		store_list(&c, place);
	buf_fini(&c.items);
}

void
conf_settings_read(struct conf_document *d, struct conf_section *s)
{
	unsigned where = 1u << s->kind;

	for (struct conf_line *line = s->lines; line != NULL; line = line->next) {
		const struct conf_directive *row = find_row(conf_directives, where, line->key);

		if (row == NULL)
			unknown_key(d, s, line);
		/* In [defaults] a key may feed several kinds of sections. */
		for (; row != NULL; row = find_row(row + 1, where, line->key))
			note_line(d, s, row, line);
	}
	for (struct conf_setting *set = s->settings; set != NULL; set = set->next)
		parse_setting(d, s, set);
}

void
conf_settings_builtin(struct conf_document *d, struct conf_section *builtin)
{
	for (unsigned owner = 0; owner < OWNER_COUNT; owner++)
		conf_values(d, builtin, owner);
	for (unsigned i = 0; i < conf_ndirectives; i++) {
		const struct conf_directive *row = &conf_directives[i];
		struct conf_line *line;

		if (row->def == NULL)
			continue;
		line = ARENA_NEW(&d->arena, struct conf_line);
		line->key = row->key;
		line->raw = str_of(row->def);
		line->at = builtin->at;
		note_line(d, builtin, row, line);
	}
	for (struct conf_setting *set = builtin->settings; set != NULL; set = set->next)
		parse_setting(d, builtin, set);
}
