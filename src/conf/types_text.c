/*
 * types_text.c - text, file names, and names of other sections.
 */
#include <grp.h>
#include <pwd.h>

#include "conf/table.h"
#include "conf/types.h"
#include "conf/words.h"

struct str
conf_shown(const struct conf_parse *c, struct str text)
{
	return c->secret ? c->line->raw : text;
}

bool
conf_is_token(struct str s)
{
	return s.n > 0 && str_all(s, CHAR_TOKEN);
}

struct str
conf_lower(struct conf_parse *c, struct str text)
{
	char *p = arena_alloc(c->arena, text.n + 1);

	for (size_t i = 0; i < text.n; i++)
		p[i] = char_lower[(unsigned char)text.p[i]];
	p[text.n] = '\0';
	return str_make(p, text.n);
}

bool
conf_status(struct str word, int min, int max, int *status)
{
	uint64_t n;

	if (word.n != 3 || !str_uint(word, (uint64_t)max, &n) || n < (uint64_t)min)
		return false;
	*status = (int)n;
	return true;
}

bool
conf_split(struct conf_parse *c, struct str text, struct conf_strs *words)
{
	enum conf_word_result result;
	struct buf list;
	struct str word;

	buf_init(&list);
	while ((result = conf_word(&text, c->scratch, &word)) == CONF_WORD)
		buf_add(&list, &word, sizeof(word));
	words->n = (unsigned)(list.n / sizeof(word));
	words->v = arena_alloc(c->scratch, list.n);
	if (list.n > 0)
		memcpy(words->v, list.p, list.n);
	buf_fini(&list);
	if (result == CONF_WORD_UNCLOSED)
		conf_bad(c, "a \" is not closed");
	return result == CONF_WORD_END;
}

bool
conf_each_word(struct conf_parse *c, struct str text,
    bool (*take)(struct conf_parse *c, struct str word))
{
	struct conf_strs words;
	bool ok = true;

	if (!conf_split(c, text, &words))
		return false;
	for (unsigned i = 0; i < words.n; i++)
		ok &= take(c, words.v[i]);
	return ok;
}

bool
conf_text(struct conf_parse *c, struct str text, void *place)
{
	if (text.n == 0) {
		conf_bad(c, "has no value");
		return false;
	}
	*(struct str *)place = arena_str(c->arena, text);
	return true;
}

/* The word that the value is, in the scratch arena. */
static bool
one_word(struct conf_parse *c, struct str text, struct str *word)
{
	struct conf_strs words;

	if (!conf_split(c, text, &words))
		return false;
	if (words.n != 1 || words.v[0].n == 0) {
		conf_bad(c, "\"%.*s\" is not one word", STR_ARG(conf_shown(c, text)));
		return false;
	}
	*word = words.v[0];
	return true;
}

bool
conf_single(struct conf_parse *c, struct str text, void *place)
{
	struct str word;

	if (!one_word(c, text, &word))
		return false;
	*(struct str *)place = arena_str(c->arena, word);
	return true;
}

bool
conf_user(struct conf_parse *c, struct str text, void *place)
{
	struct str *name = place;

	if (!conf_single(c, text, name))
		return false;
	if (c->document->sandbox || getpwnam(name->p) != NULL)
		return true;
	conf_bad(c, "\"%.*s\": there is no such user", STR_ARG(conf_shown(c, text)));
	return false;
}

bool
conf_group(struct conf_parse *c, struct str text, void *place)
{
	struct str *name = place;

	if (!conf_single(c, text, name))
		return false;
	if (c->document->sandbox || getgrnam(name->p) != NULL)
		return true;
	conf_bad(c, "\"%.*s\": there is no such group", STR_ARG(conf_shown(c, text)));
	return false;
}

bool
conf_absolute_path(struct conf_parse *c, struct str text, void *place)
{
	struct str *path = place;

	if (!conf_single(c, text, path))
		return false;
	if (path->p[0] != '/') {
		conf_bad(c, "\"%.*s\" is no absolute path (begin with /)",
		    STR_ARG(conf_shown(c, text)));
		return false;
	}
	return true;
}

bool
conf_path_or_off(struct conf_parse *c, struct str text, void *place)
{
	if (!str_eq(text, STR_OF("off")))
		return conf_absolute_path(c, text, place);
	*(struct str *)place = (struct str){ NULL, 0 };
	return true;
}

/* A key whose other values come with later versions. */
bool
conf_only(struct conf_parse *c, struct str text, void *place)
{
	(void)place;
	if (str_eq(text, str_of(c->row->choices[0])))
		return true;
	conf_bad(c, "\"%.*s\": %s (only %s)", STR_ARG(conf_shown(c, text)), c->row->choices[1],
	    c->row->choices[0]);
	return false;
}

bool
conf_include_names(struct conf_parse *c, struct str text, void *place)
{
	(void)place;
	if (c->section->kind == KIND_GLOBAL && !c->document->sandbox && c->line->at.line > 0)
		return true;
	conf_bad(c, "\"%.*s\": only a file can include others", STR_ARG(text));
	return false;
}

static bool
is_name(struct str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!char_is(name.p[i], CHAR_ALPHA | CHAR_DIGIT) &&
		    strchr("_.-", name.p[i]) == NULL)
			return false;
	return true;
}

void *
conf_refer(struct conf_parse *c, enum conf_kind kind, struct str name)
{
	struct conf_document *d = c->document;
	struct conf_section *target = conf_document_find(d, kind, name);
	char hint[CONF_SUGGEST_TEXT];
	bool is_bool;

	if (target != NULL) {
		target->used = true;
		return target->values[kind];
	}
	if (str_find(name, '/') >= 0 && str_find(name, ':') > 0) {
		conf_bad(c, "\"%.*s\": this is the name of a section (add [%.*s app] with server ="
		    " %.*s, and write app here)", STR_ARG(conf_shown(c, name)),
		    STR_ARG(conf_kind_names[kind]), STR_ARG(conf_shown(c, name)));
		return NULL;
	}
	/* An address, a path, on or off: not the name of a section. */
	if (!is_name(name) || conf_is_bool(name, &is_bool)) {
		conf_bad(c, "\"%.*s\" is not the name of a section (write that of a [%.*s])",
		    STR_ARG(conf_shown(c, name)), STR_ARG(conf_kind_names[kind]));
		return NULL;
	}
	conf_bad(c, "\"%.*s\": there is no [%.*s %.*s]%s", STR_ARG(conf_shown(c, name)),
	    STR_ARG(conf_kind_names[kind]), STR_ARG(conf_shown(c, name)),
	    conf_document_suggest(d, kind, name, hint));
	return NULL;
}

bool
conf_reference(struct conf_parse *c, struct str text, void *place)
{
	struct str name;
	void *target;

	if (!one_word(c, text, &name))
		return false;
	target = conf_refer(c, c->row->ref, name);
	if (target == NULL)
		return false;
	*(void **)place = target;
	return true;
}

bool
conf_reference_or_off(struct conf_parse *c, struct str text, void *place)
{
	if (!str_eq(text, STR_OF("off")))
		return conf_reference(c, text, place);
	*(void **)place = NULL;
	return true;
}

bool
conf_references(struct conf_parse *c, struct str text, void *place)
{
	struct conf_strs words;
	void *target;
	bool ok = true;

	(void)place;
	if (!conf_split(c, text, &words))
		return false;
	for (unsigned i = 0; i < words.n; i++) {
		target = conf_refer(c, c->row->ref, words.v[i]);
		if (target != NULL)
			conf_item(c, &target);
		else
			ok = false;
	}
	return ok;
}
