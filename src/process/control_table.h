/*
 * control_table.h - tables as usherctl prints them: aligned text, or JSON.
 */
#ifndef USHERD_PROCESS_CONTROL_TABLE_H
#define USHERD_PROCESS_CONTROL_TABLE_H

#include "base/arena.h"
#include "base/buf.h"

/* A column of the text has a title, one of the JSON objects a key. */
struct control_column {
	const char *title;
	const char *key;
	bool is_number;			/* stands right; JSON shows it bare */
};

struct control_table {
	const struct control_column *columns;
	unsigned ncolumns;
	struct arena arena;
	struct buf cells;		/* struct str, row by row */
};

void control_table_init(struct control_table *t, const struct control_column *columns,
    unsigned ncolumns);
void control_table_fini(struct control_table *t);

/* The next cell, from left to right; an absent text is `-`, and null in JSON. */
void control_table_add(struct control_table *t, struct str text);
void control_table_number(struct control_table *t, uint64_t n);
void control_table_printf(struct control_table *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Lines below a line of titles; as JSON an array of objects. */
void control_table_print(const struct control_table *t, bool json, struct buf *out);

#endif
