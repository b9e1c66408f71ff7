/*
 * document.c - the configuration as written: sections and their lines, before they mean anything.
 */
#include "conf/document.h"

#include "conf/file.h"
#include "conf/foreign.h"
#include "conf/include.h"

enum {
	FILE_MAX = 256 * 1024 * 1024,
	NAME_MAX_LENGTH = 32,
};

const struct str conf_kind_names[KIND_COUNT] = {
	[KIND_GLOBAL] = STR("global"),
	[KIND_DEFAULTS] = STR("defaults"),
	[KIND_LISTEN] = STR("listen"),
	[KIND_HOST] = STR("host"),
	[KIND_ROUTE] = STR("route"),
	[KIND_BACKEND] = STR("backend"),
	[KIND_HEADERS] = STR("headers"),
	[KIND_BUCKET] = STR("bucket"),
	[KIND_LOG] = STR("log"),
	[KIND_ADMIN] = STR("admin"),
};

void
conf_document_init(struct conf_document *d, struct arena *kept, struct conf_errors *errors)
{
	*d = (struct conf_document){ .kept = kept, .errors = errors };
	arena_init(&d->arena);
	d->end = &d->first;
	for (int kind = 0; kind < KIND_COUNT; kind++)
		map_init(&d->names[kind]);
}

void
conf_document_fini(struct conf_document *d)
{
	for (int kind = 0; kind < KIND_COUNT; kind++)
		map_fini(&d->names[kind]);
	arena_fini(&d->arena);
	d->first = NULL;
}

static bool
kind_of(struct conf_document *d, struct str word, struct str heading, struct conf_origin at,
    enum conf_kind *kind)
{
	struct conf_suggest s;
	char hint[CONF_SUGGEST_TEXT];
	const char *ours;

	for (int k = 0; k < KIND_COUNT; k++) {
		if (str_eq(word, conf_kind_names[k])) {
			*kind = (enum conf_kind)k;
			return true;
		}
	}
	if ((ours = conf_foreign(word)) != NULL) {
		conf_error(d->errors, at, "[%.*s]: unknown section (here it is %s)",
		    STR_ARG(heading), ours);
		return false;
	}
	conf_suggest_init(&s, word);
	for (int k = 0; k < KIND_COUNT; k++)
		conf_suggest_offer(&s, conf_kind_names[k]);
	conf_error(d->errors, at, "[%.*s]: unknown section%s", STR_ARG(heading),
	    conf_suggest_text(&s, hint));
	return false;
}

/* Splits `kind name` and checks it; the reader has seen to the letters. */
static bool
read_heading(struct conf_document *d, struct str heading, struct conf_origin at,
    enum conf_kind *kind, struct str *name)
{
	struct str word = { NULL, 0 }, rest = heading, more;

	str_word(&rest, &word);
	if (!kind_of(d, word, heading, at, kind))
		return false;
	*name = conf_kind_names[*kind];
	if (!conf_kind_is_named(*kind)) {
		if (!str_word(&rest, &more))
			return true;
		conf_error(d->errors, at, "[%.*s]: takes no name (write [%.*s])", STR_ARG(heading),
		    STR_ARG(*name));
		return false;
	}
	if (!str_word(&rest, name)) {
		conf_error(d->errors, at, "[%.*s]: has no name (write [%.*s"
		    " NAME])", STR_ARG(heading),
		    STR_ARG(word));
		return false;
	}
	if (str_word(&rest, &more)) {
		conf_error(d->errors, at, "[%.*s]: has more than one name", STR_ARG(heading));
		return false;
	}
	if (name->n > NAME_MAX_LENGTH) {
		conf_error(d->errors, at, "[%.*s]: the name is too long (at most %d letters)",
		    STR_ARG(heading), NAME_MAX_LENGTH);
		return false;
	}
	return true;
}

static struct conf_section *
append(struct conf_document *d, enum conf_kind kind, struct str name, struct conf_origin at)
{
	struct conf_section *s = ARENA_NEW(&d->arena, struct conf_section), *before;

	s->kind = kind;
	s->name = arena_str(d->kept, name);
	s->at = at;
	s->lines_end = &s->lines;
	before = map_add(&d->names[kind], s->name, s);
	if (before != NULL) {
		s->repeated = true;
		conf_error(d->errors, at, "%.*s: stands at %.*s already (a section stands once)",
		    STR_ARG(conf_section_title(d, s)), STR_ARG(conf_origin_text(d, before->at)));
	} else {
		s->index = d->counts[kind]++;
	}
	*d->end = s;
	d->end = &s->next;
	return s;
}

struct conf_section *
conf_document_open(struct conf_document *d, struct str heading, struct conf_origin at)
{
	enum conf_kind kind;
	struct str name;

	if (!read_heading(d, heading, at, &kind, &name))
		return NULL;
	return append(d, kind, name, at);
}

void
conf_document_add(struct conf_document *d, struct conf_section *s, struct str key, struct str raw,
    struct conf_origin at)
{
	struct conf_line *line = ARENA_NEW(&d->arena, struct conf_line);

	line->key = key;
	line->raw = raw;
	line->at = at;
	*s->lines_end = line;
	s->lines_end = &line->next;
}

struct conf_section *
conf_document_find(const struct conf_document *d, enum conf_kind kind, struct str name)
{
	return map_get(&d->names[kind], name);
}

const char *
conf_document_suggest(const struct conf_document *d, enum conf_kind kind, struct str name,
    char out[CONF_SUGGEST_TEXT])
{
	struct conf_suggest suggest;

	conf_suggest_init(&suggest, name);
	/* Later ones are not told, and looking through all sections for each would take minutes. */
	if (conf_errors_count(d->errors) >= CONF_ERRORS_KEPT)
		return conf_suggest_text(&suggest, out);
	for (const struct conf_section *s = d->first; s != NULL; s = s->next)
		if (s->kind == kind)
			conf_suggest_offer(&suggest, s->name);
	return conf_suggest_text(&suggest, out);
}

struct conf_section *
conf_document_need(struct conf_document *d, enum conf_kind kind)
{
	struct str name = conf_kind_names[kind];
	struct conf_section *s = conf_document_find(d, kind, name);

	return s != NULL ? s : append(d, kind, name, (struct conf_origin){ "default", 0 });
}

const struct conf_line *
conf_section_line(const struct conf_section *s, struct str key)
{
	for (const struct conf_line *line = s->lines; line != NULL; line = line->next)
		if (str_eq(line->key, key))
			return line;
	return NULL;
}

void
conf_document_drop(struct conf_section *s, struct str key, const char *keep)
{
	struct conf_line **at = &s->lines;

	while (*at != NULL) {
		if (str_eq((*at)->key, key) && (*at)->at.file != keep)
			*at = (*at)->next;
		else
			at = &(*at)->next;
	}
	s->lines_end = at;
}

struct str
conf_origin_text(struct conf_document *d, struct conf_origin at)
{
	if (at.line == 0)
		return str_of(at.file);
	return arena_printf(&d->arena, "%s:%d", at.file, at.line);
}

struct str
conf_section_title(struct conf_document *d, const struct conf_section *s)
{
	struct str kind = conf_kind_names[s->kind];

	if (!conf_kind_is_named(s->kind))
		return arena_printf(&d->arena, "[%.*s]", STR_ARG(kind));
	return arena_printf(&d->arena, "[%.*s %.*s]", STR_ARG(kind), STR_ARG(s->name));
}

struct reading {
	struct conf_document *document;
	struct conf_section *section;	/* NULL: under a heading that is an error */
};

static void
on_section(void *arg, struct str heading, struct conf_origin at)
{
	struct reading *r = arg;

	r->section = conf_document_open(r->document, heading, at);
}

static void
on_line(void *arg, struct str key, struct str value, struct conf_origin at)
{
	struct reading *r = arg;

	if (r->section != NULL)
		conf_document_add(r->document, r->section, key, value, at);
}

static void
scan(struct conf_document *d, const char *file, struct str text)
{
	struct reading reading = { .document = d };
	struct conf_file_events events = {
		.section = on_section,
		.line = on_line,
		.arg = &reading,
	};

	conf_file_scan(text, &d->arena, file, &events, d->errors);
}

static bool
read_one(struct conf_document *d, const char *file)
{
	const char *why = NULL;
	struct str text = conf_file_read(&d->arena, file, FILE_MAX, &why);

	if (text.p == NULL) {
		conf_error(d->errors, (struct conf_origin){ file, 0 }, "cannot be read: %s", why);
		return false;
	}
	scan(d, file, text);
	return true;
}

static void
read_included(void *arg, const char *file)
{
	read_one(arg, file);
}

bool
conf_document_read(struct conf_document *d, const char *file)
{
	d->file = arena_str(d->kept, str_of(file)).p;
	if (!read_one(d, d->file))
		return false;
	conf_include(d, d->file, read_included, d);
	return true;
}

void
conf_document_read_text(struct conf_document *d, const char *file, struct str text)
{
	d->file = arena_str(d->kept, str_of(file)).p;
	scan(d, d->file, arena_str(&d->arena, text));
}
