/*
 * load.c - from an INI file, or the words of a command line, to a snapshot.
 */
#include "conf/load.h"

#include <malloc.h>

#include "base/mem.h"
#include "conf/inherit.h"
#include "conf/whole.h"

static const char override_file[] = "-g";
static const char quick_file[] = "command line";

struct conf_whole *
conf_whole_new(struct conf_errors *errors)
{
	struct conf_whole *w = MEM_NEW(struct conf_whole);

	arena_init(&w->arena);
	conf_document_init(&w->document, &w->arena, errors);
	return w;
}

void
conf_free(struct conf_snapshot *s)
{
	struct conf_whole *w;

	if (s == NULL)
		return;
	w = conf_whole_of(s);
	conf_document_fini(&w->document);
	arena_fini(&w->arena);
	mem_free(w);
}

void
conf_forget_text(struct conf_snapshot *s)
{
	conf_document_fini(&conf_whole_of(s)->document);
#ifdef __GLIBC__
	malloc_trim(0);	/* what malloc keeps for itself, every worker gets by the fork */
#endif
}

static void
bad_override(struct conf_document *d, struct str text, const char *why)
{
	conf_error(d->errors, (struct conf_origin){ override_file, 0 }, "\"%.*s\": %s (write"
	    " global.KEY=VALUE or 'KIND NAME:KEY=VALUE')", STR_ARG(text), why);
}

/* The section of `global` or `listen web`, or NULL after an error. */
static struct conf_section *
override_section(struct conf_document *d, struct str text, struct str where)
{
	struct str word = { NULL, 0 }, name = { NULL, 0 };
	struct conf_section *s;
	char hint[CONF_SUGGEST_TEXT];

	str_word(&where, &word);
	str_word(&where, &name);
	for (int k = 0; k < KIND_COUNT; k++) {
		enum conf_kind kind = (enum conf_kind)k;

		if (!str_eq(word, conf_kind_names[kind]))
			continue;
		if (!conf_kind_is_named(kind) && name.p == NULL)
			return conf_document_need(d, kind);
		s = name.p != NULL ? conf_document_find(d, kind, name) : NULL;
		if (s == NULL)
			conf_error(d->errors, (struct conf_origin){ override_file, 0 },
			    "\"%.*s\": there is no [%.*s%s%.*s]%s", STR_ARG(text), STR_ARG(word),
			    name.p != NULL ? " " : "", (int)name.n, name.p != NULL ? name.p : "",
			    conf_document_suggest(d, kind, name, hint));
		return s;
	}
	bad_override(d, text, "unknown section");
	return NULL;
}

/* Splits `SECTION.KEY` or `KIND NAME:KEY`. */
static bool
split_target(struct str target, struct str *where, struct str *key)
{
	ptrdiff_t at = str_find(target, ':');

	if (at < 0)
		at = str_find(target, '.');
	if (at < 0)
		return false;
	*where = str_trim(str_make(target.p, (size_t)at));
	*key = str_trim(str_skip(target, (size_t)at + 1));
	return where->n > 0 && key->n > 0;
}

static bool
has_control(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ' && text.p[i] != '\t')
			return true;
	return false;
}

static void
apply_override(struct conf_document *d, const char *words)
{
	struct str text = arena_str(&d->arena, str_of(words)), value = text, target, where, key;
	struct conf_section *s;

	str_cut(&value, '=', &target);
	if (value.p == NULL || !split_target(target, &where, &key) || has_control(text)) {
		bad_override(d, text, "not understood");
		return;
	}
	if (str_eq(key, STR_OF("include"))) {
		bad_override(d, text, "only a file can include others");
		return;
	}
	s = override_section(d, text, where);
	if (s == NULL)
		return;
	conf_document_drop(s, key, override_file);
	conf_document_add(d, s, arena_str(&d->arena, key), arena_str(&d->arena, str_trim(value)),
	    (struct conf_origin){ override_file, 0 });
}

/* Applies the overrides, resolves, and gives up the whole if there were errors. */
static struct conf_snapshot *
finish(struct conf_whole *w, const struct conf_override *overrides, unsigned noverrides)
{
	struct conf_document *d = &w->document;

	for (unsigned i = 0; i < noverrides; i++)
		apply_override(d, overrides[i].text);
	conf_whole_resolve(w);
	/* The caller's list of errors may go before the snapshot does. */
	if (conf_errors_count(d->errors) > 0) {
		conf_free(&w->snapshot);
		return NULL;
	}
	d->errors = NULL;
	return &w->snapshot;
}

struct conf_snapshot *
conf_load(const char *file, const struct conf_override *overrides, unsigned noverrides,
    struct conf_errors *errors)
{
	struct conf_whole *w = conf_whole_new(errors);

	if (!conf_document_read(&w->document, file)) {
		conf_free(&w->snapshot);
		return NULL;
	}
	return finish(w, overrides, noverrides);
}

/* Copies the lines about the pid file to a configuration that has nothing else. */
static bool
copy_pid_file(const struct conf_document *from, struct conf_document *d, struct conf_section *s)
{
	const struct conf_section *global = conf_document_find(from, KIND_GLOBAL,
	    conf_kind_names[KIND_GLOBAL]);
	bool found = false;

	for (const struct conf_line *l = global != NULL ? global->lines : NULL; l != NULL;
	    l = l->next) {
		if (!str_eq(l->key, STR_OF("pid_file")))
			continue;
		conf_document_add(d, s, l->key, l->raw, l->at);
		found = true;
	}
	return found;
}

char *
conf_pid_file(const char *file, const struct conf_override *overrides, unsigned noverrides,
    struct conf_errors *errors, bool *others)
{
	struct conf_errors *overlooked = conf_errors_new();
	struct conf_whole *all = conf_whole_new(overlooked), *w = conf_whole_new(errors);
	struct conf_section *s = conf_document_need(&w->document, KIND_GLOBAL);
	bool was_read = conf_document_read(&all->document, file);
	const struct conf_global *values;
	char *path = NULL;

	for (unsigned i = 0; i < noverrides; i++)
		apply_override(&all->document, overrides[i].text);
	/* Where it is not known, the error of the file is told. */
	if (!copy_pid_file(&all->document, &w->document, s) && !was_read)
		(void)conf_document_read(&w->document, file);
	conf_whole_read(w);
	conf_inherit(w, s, KIND_GLOBAL);
	values = s->values[KIND_GLOBAL];
	if (conf_errors_count(errors) == 0 && values->pid_file.n > 0)
		path = mem_strdup(values->pid_file.p);
	*others = conf_errors_count(overlooked) > 0;
	conf_free(&w->snapshot);
	conf_free(&all->snapshot);
	conf_errors_free(overlooked);
	return path;
}

struct conf_snapshot *
conf_load_text(struct str text, struct conf_errors *errors)
{
	struct conf_whole *w = conf_whole_new(errors);

	w->document.sandbox = true;
	conf_document_read_text(&w->document, "text", text);
	return finish(w, NULL, 0);
}

static void
quick_line(struct conf_document *d, const char *heading, const char *key, const char *value)
{
	struct conf_origin at = { quick_file, 0 };
	struct str word = { NULL, 0 }, rest = str_of(heading), name;
	struct conf_section *s = NULL;

	str_word(&rest, &word);
	name = str_word(&rest, &name) ? name : word;
	for (int kind = 0; kind < KIND_COUNT && s == NULL; kind++)
		if (str_eq(word, conf_kind_names[kind]))
			s = conf_document_find(d, (enum conf_kind)kind, name);
	if (s == NULL)
		s = conf_document_open(d, str_of(heading), at);
	conf_document_add(d, s, str_of(key), arena_str(&d->arena, str_of(value)), at);
}

struct conf_snapshot *
conf_quick(const char *listen, const char *const *urls, unsigned nurls,
    const struct conf_override *overrides, unsigned noverrides, struct conf_errors *errors)
{
	struct conf_whole *w = conf_whole_new(errors);
	struct conf_document *d = &w->document;

	d->file = quick_file;
	quick_line(d, "global", "error_log", "stderr");
	quick_line(d, "global", "pid_file", "off");
	quick_line(d, "log stdout", "path", "stdout");
	quick_line(d, "defaults", "access_log", "stdout");
	quick_line(d, "listen web", "bind", listen);
	quick_line(d, "route all", "path", "/*");
	quick_line(d, "route all", "backend", "app");
	for (unsigned i = 0; i < nurls; i++)
		quick_line(d, "backend app", "server", urls[i]);
	return finish(w, overrides, noverrides);
}
