/*
 * settings.h - what the lines of a section mean: lines become values through the directive table.
 */
#ifndef USHERD_CONF_SETTINGS_H
#define USHERD_CONF_SETTINGS_H

#include "base/buf.h"
#include "conf/document.h"

struct conf_directive;

/* A directive that a section sets. */
struct conf_setting {
	struct conf_setting *next;
	const struct conf_directive *row;
	struct conf_line *first;	/* further lines of a list hang at ->same */
	struct conf_line *last;
	bool wrong;			/* a value was an error */
	bool cleared;			/* `key =` stood before these lines */
	struct conf_origin at;		/* of its last line */
};

/* What a parser of values works with. */
struct conf_parse {
	struct conf_document *document;
	struct arena *arena;		/* what is kept in a value lives here */
	struct arena *scratch;
	const struct conf_section *section;
	const struct conf_directive *row;
	const struct conf_line *line;
	bool secret;			/* the value came from outside the file */
	struct buf items;		/* of the list that is being read */
	unsigned nitems;
};

/*
 * Reads one value.  A plain directive writes to `place`, its bytes in the structure; one for lists
 * calls conf_item() instead, as often as it likes.  False after conf_bad().
 */
typedef bool conf_parse_fn(struct conf_parse *c, struct str text, void *place);

/* Adds an element of a list: row->item bytes. */
void conf_item(struct conf_parse *c, const void *item);

/* Reports an error in the line: `[route api] read_timeout: ` goes before the text. */
void conf_bad(struct conf_parse *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Gives every line of `s` its meaning: fills s->settings and the structures in s->values, which
 * are made where they are missing.  Sections that others refer to have theirs before.
 */
void conf_settings_read(struct conf_document *d, struct conf_section *s);

/* Fills all structures of `builtin`, a section of kind defaults that stands in no file, with the
 * defaults of the table. */
void conf_settings_builtin(struct conf_document *d, struct conf_section *builtin);

/* The structure s->values[owner], made if it is missing. */
void *conf_values(struct conf_document *d, struct conf_section *s, unsigned owner);

/* What the section says about a directive, or NULL. */
struct conf_setting *conf_setting_find(const struct conf_section *s,
    const struct conf_directive *row);

#endif
