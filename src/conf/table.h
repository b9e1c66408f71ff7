/*
 * table.h - every directive of the language in one row: the one source of truth.
 *
 * Parsing, ranges, defaults, inheritance, -T and did-you-mean all read it, and a test compares it
 * with usherd.ini(5).  A new directive is a row here, a place in snapshot.h, and its manual entry.
 */
#ifndef USHERD_CONF_TABLE_H
#define USHERD_CONF_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "conf/document.h"
#include "conf/settings.h"

#define IN(kind)	(1u << KIND_##kind)

/* Members of a row: its key, ranges and flags. */
#define ROW(name)		.key = STR(name)
#define FLAGS(mask)		.flags = (mask)
#define RANGE(least, most)	.min = (least), .max = (most)
#define LIMIT(least, most)	RANGE(least, most), FLAGS(DIRECTIVE_OFF)
/* Where a directive's bytes are: from one field to another, or a field alone. */
#define SPAN(type, first, last) \
	.offset = offsetof(struct type, first), \
	.size = offsetof(struct type, last) + sizeof(((struct type *)0)->last) - \
	    offsetof(struct type, first)
#define FIELD(type, field)	SPAN(type, field, field)
/* A list: an array and its count in two fields, or in one field like struct conf_strs. */
#define LIST(type, array, count) \
	SPAN(type, array, count), .item = sizeof(*((struct type *)0)->array)
#define LIST_IN(type, field) \
	FIELD(type, field), .item = sizeof(*((struct type *)0)->field.v)

enum conf_directive_flags {
	DIRECTIVE_LIST = 1,		/* may be repeated; a pointer, then an unsigned count */
	DIRECTIVE_OFF = 2,		/* takes `off`: no limit */
	DIRECTIVE_CONDITION = 4,	/* of a route; never inherited */
	DIRECTIVE_ACTION = 8,		/* of a route; not inherited, but a host's is a route */
	DIRECTIVE_TEMPLATE = 16,	/* holds $variables: `$$` stays for the template compiler */
	DIRECTIVE_VERBATIM = 32,	/* not even ${NAME} is put in */
	DIRECTIVE_NOTED = 64,		/* has no place of its own: the parser only checks it */
	DIRECTIVE_APPEND = 128,		/* a list that adds to what it inherits */
};

struct conf_directive {
	struct str key;
	unsigned where;			/* sections it may stand in: IN(...) | ... */
	unsigned owner;			/* its structure: values[owner] of the section */
	conf_parse_fn *parse;		/* the type */
	const char *def;		/* built-in default as text; NULL: zeroes */
	int64_t min, max;		/* of numbers, in the unit of the type */
	unsigned flags;
	uint16_t offset;		/* the directive's bytes in the structure */
	uint16_t size;
	uint16_t item;			/* size of a list's element */
	const char *const *choices;	/* of an enumeration, in its order; NULL-terminated */
	enum conf_kind ref;		/* what a reference names */
};

extern const struct conf_directive conf_directives[];
extern const unsigned conf_ndirectives;

/* The structures, as values[owner] holds them. */
extern const size_t conf_struct_sizes[OWNER_COUNT];

/* True if a layer below can give the value: `key =` then clears it. */
bool conf_directive_inherits(const struct conf_directive *row);

#endif
