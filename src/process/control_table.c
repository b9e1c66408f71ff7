/*
 * control_table.c - tables as usherctl prints them: aligned text, or JSON.
 */
#include "process/control_table.h"

#include <stdio.h>

enum { COLUMNS_MAX = 32, GAP = 2, NUMBER_TEXT = 24 };

void
control_table_init(struct control_table *t, const struct control_column *columns,
    unsigned ncolumns)
{
	CHECK(ncolumns <= COLUMNS_MAX);
	*t = (struct control_table){ .columns = columns, .ncolumns = ncolumns };
	arena_init(&t->arena);
}

void
control_table_fini(struct control_table *t)
{
	arena_fini(&t->arena);
	buf_fini(&t->cells);
}

void
control_table_add(struct control_table *t, struct str text)
{
	struct str copy = arena_str(&t->arena, text);

	buf_add(&t->cells, &copy, sizeof(copy));
}

void
control_table_number(struct control_table *t, uint64_t n)
{
	char text[NUMBER_TEXT];

	control_table_add(t, str_make(text, fmt_uint(text, n)));
}

void
control_table_printf(struct control_table *t, const char *fmt, ...)
{
	struct buf text = { NULL, 0, 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	control_table_add(t, str_of(buf_text(&text)));
	buf_fini(&text);
}

static const struct str *
row_at(const struct control_table *t, size_t row)
{
	return (const struct str *)(const void *)t->cells.p + row * t->ncolumns;
}

static size_t
nrows(const struct control_table *t)
{
	return t->cells.n / sizeof(struct str) / t->ncolumns;
}

static struct str
shown(struct str text)
{
	return text.p != NULL ? text : STR_OF("-");
}

static void
measure(const struct control_table *t, size_t widths[COLUMNS_MAX])
{
	for (unsigned c = 0; c < t->ncolumns; c++) {
		widths[c] = t->columns[c].title != NULL ? strlen(t->columns[c].title) : 0;
		for (size_t r = 0; r < nrows(t); r++)
			if (shown(row_at(t, r)[c]).n > widths[c])
				widths[c] = shown(row_at(t, r)[c]).n;
	}
}

static void
pad(struct buf *out, size_t n)
{
	memset(buf_room(out, n + 1), ' ', n);
	out->n += n;
}

/* Blanks come before what follows them, so that no line ends with any. */
static void
print_cell(struct buf *out, struct str text, size_t width, bool right, size_t *owed)
{
	size_t room = text.n < width ? width - text.n : 0;

	pad(out, *owed + (right ? room : 0));
	buf_str(out, text);
	*owed = GAP + (right ? 0 : room);
}

static void
print_text(const struct control_table *t, struct buf *out)
{
	size_t widths[COLUMNS_MAX], owed = 0;

	measure(t, widths);
	for (unsigned c = 0; c < t->ncolumns; c++)
		if (t->columns[c].title != NULL)
			print_cell(out, str_of(t->columns[c].title), widths[c],
			    t->columns[c].is_number, &owed);
	buf_char(out, '\n');
	for (size_t r = 0; r < nrows(t); r++) {
		owed = 0;
		for (unsigned c = 0; c < t->ncolumns; c++)
			if (t->columns[c].title != NULL)
				print_cell(out, shown(row_at(t, r)[c]), widths[c],
				    t->columns[c].is_number, &owed);
		buf_char(out, '\n');
	}
}

static void
print_json_cell(struct buf *out, const struct control_column *column, struct str text)
{
	if (text.p == NULL)
		buf_cstr(out, "null");
	else if (column->is_number)
		buf_str(out, text);
	else
		buf_json(out, text);
}

static void
print_json(const struct control_table *t, struct buf *out)
{
	buf_char(out, '[');
	for (size_t r = 0; r < nrows(t); r++) {
		const char *before = r > 0 ? ",\n {" : "\n {";

		for (unsigned c = 0; c < t->ncolumns; c++) {
			const struct control_column *column = &t->columns[c];

			if (column->key == NULL)
				continue;
			buf_printf(out, "%s\"%s\": ", before, column->key);
			print_json_cell(out, column, row_at(t, r)[c]);
			before = ", ";
		}
		buf_char(out, '}');
	}
	buf_cstr(out, nrows(t) > 0 ? "\n]\n" : "]\n");
}

void
control_table_print(const struct control_table *t, bool json, struct buf *out)
{
	if (json)
		print_json(t, out);
	else
		print_text(t, out);
}
