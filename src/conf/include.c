/*
 * include.c - the files that `include` in [global] names.
 */
#include "conf/include.h"

#include <errno.h>
#include <glob.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "conf/expand.h"
#include "conf/words.h"

/* Files are told apart by what they are, not by how they are written. */
struct seen {
	dev_t dev;
	ino_t ino;
};

struct include {
	struct conf_document *document;
	const struct conf_line *line;
	struct seen *seen;
	size_t nseen;
	void (*read_file)(void *arg, const char *file);
	void *arg;
};

/* Notes the file; false if it was noted before.  One that is not there is left to the reader. */
static bool
note(struct include *in, const char *file)
{
	struct stat st;

	if (stat(file, &st) < 0)
		return true;
	for (size_t i = 0; i < in->nseen; i++)
		if (in->seen[i].dev == st.st_dev && in->seen[i].ino == st.st_ino)
			return false;
	in->seen = mem_realloc(in->seen, in->nseen + 1, sizeof(*in->seen));
	in->seen[in->nseen++] = (struct seen){ st.st_dev, st.st_ino };
	return true;
}

static struct str
beside(struct conf_document *d, const char *file, struct str pattern)
{
	const char *slash = strrchr(file, '/');

	if (pattern.p[0] == '/' || slash == NULL)
		return arena_str(&d->arena, pattern);
	return arena_printf(&d->arena, "%.*s%.*s", (int)(slash + 1 - file), file, STR_ARG(pattern));
}

static void
read_matches(struct include *in, const glob_t *matches)
{
	struct conf_document *d = in->document;

	for (size_t i = 0; i < matches->gl_pathc; i++) {
		struct str file = arena_str(d->kept, str_of(matches->gl_pathv[i]));

		if (note(in, file.p))
			in->read_file(in->arg, file.p);
		else
			conf_error(d->errors, in->line->at, "[global] include: %s is read already"
			    " (each file is read once)", file.p);
	}
}

static void
include_pattern(struct include *in, struct str word)
{
	struct conf_document *d = in->document;
	struct str pattern = beside(d, in->line->at.file, word);
	glob_t matches;
	int result = glob(pattern.p, GLOB_ERR, NULL, &matches);

	if (result == 0)
		read_matches(in, &matches);
	else if (result != GLOB_NOMATCH)
		conf_error(d->errors, in->line->at, "[global] include: %s: %s", pattern.p,
		    result == GLOB_NOSPACE ? strerror(ENOMEM) : strerror(errno));
	else if (strpbrk(pattern.p, "*?[") == NULL)
		conf_error(d->errors, in->line->at, "[global] include: %s: %s", pattern.p,
		    strerror(ENOENT));
	globfree(&matches);
}

static void
include_line(struct include *in)
{
	struct conf_document *d = in->document;
	const char *why = NULL;
	struct str rest = conf_expand(d, in->line->raw, true, &why), word;
	enum conf_word_result result;

	if (rest.p == NULL) {
		conf_error(d->errors, in->line->at, "[global] include: %s", why);
		return;
	}
	while ((result = conf_word(&rest, &d->arena, &word)) == CONF_WORD)
		if (word.n > 0)
			include_pattern(in, word);
	if (result == CONF_WORD_UNCLOSED)
		conf_error(d->errors, in->line->at, "[global] include: a \" is not closed");
}

void
conf_include(struct conf_document *d, const char *main,
    void (*read_file)(void *arg, const char *file), void *arg)
{
	struct include in = { .document = d, .read_file = read_file, .arg = arg };
	struct conf_section *global;

	note(&in, main);
	global = conf_document_find(d, KIND_GLOBAL, conf_kind_names[KIND_GLOBAL]);
	/* Without [global] here, one of the files could not be named; so there is just this one. */
	if (global != NULL)
		for (in.line = global->lines; in.line != NULL; in.line = in.line->next)
			if (str_eq(in.line->key, STR_OF("include")))
				include_line(&in);
	mem_free(in.seen);
}
