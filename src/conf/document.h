/*
 * document.h - the configuration as written: sections and their lines, before they mean anything.
 */
#ifndef USHERD_CONF_DOCUMENT_H
#define USHERD_CONF_DOCUMENT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/str.h"
#include "conf/error.h"
#include "conf/suggest.h"

enum conf_kind {
	KIND_GLOBAL,
	KIND_DEFAULTS,
	KIND_LISTEN,
	KIND_HOST,
	KIND_ROUTE,
	KIND_BACKEND,
	KIND_HEADERS,
	KIND_BUCKET,
	KIND_LOG,
	KIND_ADMIN,
	KIND_COUNT
};

/* Structures that sections fill: one for each kind, and one that routes share. */
enum { OWNER_POLICY = KIND_COUNT, OWNER_COUNT };

/* The words of the file for the kinds; named ones are followed by a name. */
extern const struct str conf_kind_names[KIND_COUNT];

static inline bool
conf_kind_is_named(enum conf_kind kind)
{
	return kind != KIND_GLOBAL && kind != KIND_DEFAULTS && kind != KIND_ADMIN;
}

/* A line `key = value`. */
struct conf_line {
	struct conf_line *next;		/* of the section */
	struct conf_line *same;		/* the next line of the same list, set by settings.c */
	struct str key;
	struct str raw;			/* as written; NUL-terminated */
	struct conf_origin at;
};

struct conf_setting;

struct conf_section {
	struct conf_section *next;	/* in the order of the file */
	enum conf_kind kind;
	bool repeated;			/* stood before: checked, but takes no part */
	bool used;			/* something refers to it */
	unsigned index;			/* among those of its kind */
	struct str name;
	struct conf_origin at;
	struct conf_line *lines;
	struct conf_line **lines_end;

	/* What the lines mean: see settings.h. */
	struct conf_setting *settings;
	void *values[OWNER_COUNT];	/* by the kind of structure; most are NULL */
};

struct conf_document {
	struct arena arena;		/* sections, lines and what is said about them */
	struct arena *kept;		/* what outlives the document: values, names, file names */
	struct conf_errors *errors;
	struct conf_section *first;
	struct conf_section **end;
	struct map names[KIND_COUNT];	/* sections by name; the nameless under their kind's name */
	unsigned counts[KIND_COUNT];
	const char *file;		/* the main one, for what has no line */
	bool sandbox;			/* read no files and no environment */
};

void conf_document_init(struct conf_document *d, struct arena *kept, struct conf_errors *errors);
void conf_document_fini(struct conf_document *d);

/* Reads a file and those that its `include` names; problems go to d->errors.  False when `file`
 * itself could not be read, so that there is nothing to check. */
bool conf_document_read(struct conf_document *d, const char *file);

/* The same for text in memory, called `file` in messages; `include` is refused. */
void conf_document_read_text(struct conf_document *d, const char *file, struct str text);

/*
 * Opens the section of a heading's text (`route api`), or NULL after an error.  A repeated section
 * is an error that names both lines; it is opened all the same, so that its lines are checked too.
 */
struct conf_section *conf_document_open(struct conf_document *d, struct str heading,
    struct conf_origin at);

/* Adds a line; key and raw live as long as the document, `at.file` as long as the snapshot, raw is
 * NUL-terminated. */
void conf_document_add(struct conf_document *d, struct conf_section *s, struct str key,
    struct str raw, struct conf_origin at);

/* The section of this name, or NULL. */
struct conf_section *conf_document_find(const struct conf_document *d, enum conf_kind kind,
    struct str name);

/* ` (did you mean api?)`: the name of a section of the kind that is near to a wrong one, or "". */
const char *conf_document_suggest(const struct conf_document *d, enum conf_kind kind,
    struct str name, char out[CONF_SUGGEST_TEXT]);

/* The section without a name; made, empty, if it is not there. */
struct conf_section *conf_document_need(struct conf_document *d, enum conf_kind kind);

/* The first line of the section that has the key, whatever its value is, or NULL. */
const struct conf_line *conf_section_line(const struct conf_section *s, struct str key);

/* Forgets the lines with the key that were not written at `keep`. */
void conf_document_drop(struct conf_section *s, struct str key, const char *keep);

/* `file:line`, or the file alone where there is no line. */
struct str conf_origin_text(struct conf_document *d, struct conf_origin at);

/* `[route api]` or `[global]`, for messages. */
struct str conf_section_title(struct conf_document *d, const struct conf_section *s);

#endif
