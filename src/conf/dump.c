/*
 * dump.c - the effective values as a configuration file.
 *
 * Values are printed as they were written, so that secrets stay where they are.
 */
#include "conf/inherit.h"
#include "conf/types.h"

static void
print_origin(struct buf *out, struct conf_origin at)
{
	if (at.line > 0)
		buf_printf(out, "# %s:%d\n", at.file, at.line);
	else
		buf_printf(out, "# %s\n", at.file);
}

static void
print_value(struct buf *out, struct str key, struct str value)
{
	buf_printf(out, "%.*s =%s%.*s\n", STR_ARG(key), value.n > 0 ? " " : "", STR_ARG(value));
}

/* True if a row before this one has the same key in [defaults]: it spoke for both. */
static bool
is_printed(const struct conf_directive *row)
{
	for (const struct conf_directive *r = conf_directives; r < row; r++)
		if ((r->where & IN(DEFAULTS)) != 0 && str_eq(r->key, row->key))
			return true;
	return false;
}

/* Whether a section shows the directive although it does not set it. */
static bool
shows_inherited(const struct conf_section *s, const struct conf_directive *row)
{
	const struct conf_route *route = s->values[KIND_ROUTE];

	switch (s->kind) {
	case KIND_DEFAULTS:
		return row->owner == KIND_ROUTE || row->owner == OWNER_POLICY;
	case KIND_HOST:
		/* A host that is no route itself has no values, but lends what it sets. */
		return row->owner == KIND_HOST || (route != NULL && route->action != ACTION_NONE);
	default:
		return true;
	}
}

static void
print_lines(struct buf *out, const struct conf_setting *set)
{
	for (const struct conf_line *line = set->first; line != NULL; line = line->same) {
		print_origin(out, line->at);
		print_value(out, set->row->key, line->raw);
	}
}

static void
print_setting(struct buf *out, const struct conf_setting *set, bool inherited)
{
	struct str key = set->row->key;

	if (set->first == NULL) {
		print_origin(out, set->at);
		print_value(out, key, STR_OF(""));
		return;
	}
	if ((set->row->flags & DIRECTIVE_LIST) != 0 && (inherited || set->cleared))
		print_value(out, key, STR_OF(""));
	print_lines(out, set);
}

/* What makes up a list that adds to what it inherits, the deepest layer last. */
static unsigned
collect_appended(const struct conf_layers *layers, const struct conf_directive *row,
    const struct conf_setting **sets)
{
	unsigned n = 0;

	for (unsigned i = 0; i < layers->n; i++) {
		const struct conf_setting *set = conf_setting_find(layers->v[i], row);

		if (set != NULL)
			sets[n++] = set;
		if (set != NULL && set->cleared)
			break;
	}
	return n;
}

/* Such a list: cleared, and then all of it, the deepest layer first. */
static void
print_appended(struct buf *out, const struct conf_layers *layers,
    const struct conf_directive *row)
{
	const struct conf_setting *sets[ARRAY_LEN(layers->v)];
	unsigned n = collect_appended(layers, row, sets);

	print_value(out, row->key, STR_OF(""));
	while (n-- > 0)
		if (sets[n]->first != NULL)
			print_lines(out, sets[n]);
}

/*
 * True if what the section says holds for several backends: those of its split, that of its copies,
 * or those of a host's routes.
 */
static bool
speaks_for_others(const struct conf_section *s)
{
	const struct conf_route *route = s->values[KIND_ROUTE];

	return s->kind == KIND_HOST || (s->kind == KIND_ROUTE &&
	    (route->nsplits > 0 || route->policy->mirror.backend != NULL));
}

/* True if the section leaves the value to its backends: printed as its own, it would go before
 * what they say. */
static bool
is_left_open(const struct conf_section *s, const struct conf_section *from,
    const struct conf_directive *row)
{
	return (row->where & IN(BACKEND)) != 0 && speaks_for_others(s) &&
	    (from == NULL || from->kind == KIND_BACKEND || from->kind == KIND_DEFAULTS);
}

/* What requests to a backend get where the section leaves it open: for readers alone. */
static void
print_remark(struct buf *out, const struct conf_layers *layers, const struct conf_directive *row)
{
	const struct conf_section *from = NULL;
	const struct conf_setting *set = conf_layers_find(layers, row, &from);
	struct str value = str_of(row->def);

	if (set != NULL)
		value = set->first != NULL ? set->first->raw : STR_OF("");
	print_origin(out, set != NULL ? set->at : (struct conf_origin){ "default", 0 });
	buf_cstr(out, "# ");
	print_value(out, row->key, value);
}

static void
print_open(const struct conf_whole *w, const struct conf_section *s,
    const struct conf_layers *own, const struct conf_directive *row, struct buf *out)
{
	const struct conf_route *route = s->values[KIND_ROUTE];
	struct conf_layers layers;

	if (route->nsplits == 0)
		print_remark(out, own, row);
	for (unsigned i = 0; i < route->nsplits; i++) {
		buf_printf(out, "# for backend %.*s:\n", STR_ARG(route->splits[i].backend->name));
		conf_layers_with(w, s, route->splits[i].backend, &layers);
		print_remark(out, &layers, row);
	}
}

static void
print_row(const struct conf_whole *w, const struct conf_section *s,
    const struct conf_layers *layers, const struct conf_directive *row, struct buf *out)
{
	const struct conf_section *from = NULL;
	const struct conf_setting *set = conf_layers_find(layers, row, &from);

	/* What was included stands in the output itself. */
	if (row->parse == conf_include_names)
		return;
	if (s->kind == KIND_DEFAULTS && is_printed(row))
		return;
	if (from != s && !shows_inherited(s, row))
		return;
	if (is_left_open(s, from, row)) {
		print_open(w, s, layers, row, out);
	} else if (set != NULL && (row->flags & DIRECTIVE_APPEND) != 0) {
		print_appended(out, layers, row);
	} else if (set != NULL) {
		print_setting(out, set, from != s);
	} else if (row->def != NULL) {
		buf_cstr(out, "# default\n");
		print_value(out, row->key, str_of(row->def));
	}
}

void
conf_dump(const struct conf_snapshot *snapshot, struct buf *out)
{
	const struct conf_whole *w = conf_whole_of(snapshot);
	struct conf_layers layers;

	for (const struct conf_section *s = w->document.first; s != NULL; s = s->next) {
		if (out->n > 0)
			buf_char(out, '\n');
		print_origin(out, s->at);
		buf_printf(out, "[%.*s", STR_ARG(conf_kind_names[s->kind]));
		if (conf_kind_is_named(s->kind))
			buf_printf(out, " %.*s", STR_ARG(s->name));
		buf_cstr(out, "]\n");
		conf_layers_of(w, s, &layers);
		for (unsigned i = 0; i < conf_ndirectives; i++)
			if ((conf_directives[i].where & 1u << s->kind) != 0)
				print_row(w, s, &layers, &conf_directives[i], out);
	}
}

/* ---- the same for one section, as lines */

struct lines {
	conf_value_fn *each;
	void *arg;
};

static void
pass_lines(const struct lines *lines, const struct conf_setting *set)
{
	for (const struct conf_line *line = set->first; line != NULL; line = line->same)
		lines->each(lines->arg, set->row->key, line->raw, line->at);
}

static void
pass_row(const struct conf_layers *layers, const struct conf_directive *row,
    const struct lines *lines)
{
	const struct conf_setting *sets[ARRAY_LEN(layers->v)];
	const struct conf_section *from;
	unsigned n;

	if ((row->flags & DIRECTIVE_APPEND) != 0) {
		n = collect_appended(layers, row, sets);
		while (n-- > 0)
			pass_lines(lines, sets[n]);
		return;
	}
	sets[0] = conf_layers_find(layers, row, &from);
	if (sets[0] != NULL)
		pass_lines(lines, sets[0]);
}

static void
pass_section(const struct conf_whole *w, const struct conf_section *s, const struct lines *lines)
{
	struct conf_layers layers;

	if (s == NULL)
		return;
	conf_layers_of(w, s, &layers);
	for (unsigned i = 0; i < conf_ndirectives; i++)
		if ((conf_directives[i].where & 1u << s->kind) != 0 &&
		    conf_directives[i].owner == s->kind)
			pass_row(&layers, &conf_directives[i], lines);
}

void
conf_each_value(const struct conf_snapshot *snapshot, enum conf_kind kind, struct str name,
    conf_value_fn *each, void *arg)
{
	const struct conf_whole *w = conf_whole_of(snapshot);
	const struct lines lines = { each, arg };

	pass_section(w, conf_document_find(&w->document, kind, name), &lines);
}

void
conf_each_route_value(const struct conf_snapshot *snapshot, const struct conf_route *route,
    const struct conf_backend *backend, conf_value_fn *each, void *arg)
{
	const struct conf_whole *w = conf_whole_of(snapshot);
	const struct conf_section *s = conf_document_find(&w->document, KIND_ROUTE, route->name);
	const struct lines lines = { each, arg };
	struct conf_layers layers;

	if (s == NULL || s->values[KIND_ROUTE] != route)
		s = conf_document_find(&w->document, KIND_HOST, route->hosts[0]->name);
	conf_layers_with(w, s, backend, &layers);
	for (unsigned i = 0; i < conf_ndirectives; i++) {
		const struct conf_directive *row = &conf_directives[i];

		if ((row->where & 1u << s->kind) != 0 &&
		    (row->owner == KIND_ROUTE || row->owner == OWNER_POLICY))
			pass_row(&layers, row, &lines);
	}
}

struct search {
	struct str key;
	struct conf_origin at;
};

static void
keep_origin(void *arg, struct str key, struct str value, struct conf_origin at)
{
	struct search *search = arg;

	(void)value;
	if (str_eq(key, search->key))
		search->at = at;
}

struct conf_origin
conf_origin_of(const struct conf_snapshot *snapshot, enum conf_kind kind, struct str name,
    struct str key, struct conf_origin otherwise)
{
	struct search search = { key, otherwise };

	conf_each_value(snapshot, kind, name, keep_origin, &search);
	return search.at;
}
