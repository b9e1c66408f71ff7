/*
 * error.c - collects the errors and warnings of one look at the configuration.
 */
#include "conf/error.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"

struct message {
	unsigned file;		/* position in conf_errors.files */
	int line;
	unsigned number;	/* order of reporting, within a line */
	bool is_error;
	struct str text;
};

struct conf_errors {
	struct arena arena;
	struct message *messages;
	size_t count;
	size_t cap;
	size_t errors;
	struct str *files;	/* in the order in which they were first reported */
	unsigned nfiles;
};

struct conf_errors *
conf_errors_new(void)
{
	struct conf_errors *e = MEM_NEW(struct conf_errors);

	arena_init(&e->arena);
	return e;
}

void
conf_errors_free(struct conf_errors *e)
{
	if (e == NULL)
		return;
	arena_fini(&e->arena);
	mem_free(e->messages);
	mem_free(e->files);
	mem_free(e);
}

static unsigned
file_number(struct conf_errors *e, struct str file)
{
	for (unsigned i = 0; i < e->nfiles; i++)
		if (str_eq(e->files[i], file))
			return i;
	e->files = mem_realloc(e->files, e->nfiles + 1, sizeof(*e->files));
	e->files[e->nfiles] = arena_str(&e->arena, file);
	return e->nfiles++;
}

static void add(struct conf_errors *e, bool is_error, struct conf_origin at, const char *fmt,
    va_list ap) __attribute__((format(printf, 4, 0)));

static void
add(struct conf_errors *e, bool is_error, struct conf_origin at, const char *fmt, va_list ap)
{
	struct buf b;
	struct message *m;

	buf_init(&b);
	buf_cstr(&b, at.file);
	if (at.line > 0)
		buf_printf(&b, ":%d", at.line);
	buf_cstr(&b, is_error ? ": " : ": warning: ");
	buf_vprintf(&b, fmt, ap);

	if (e->count == e->cap) {
		e->cap = e->cap > 0 ? 2 * e->cap : 16;
		e->messages = mem_realloc(e->messages, e->cap, sizeof(*e->messages));
	}
	m = &e->messages[e->count];
	*m = (struct message){
		.file = file_number(e, str_of(at.file)),
		.line = at.line,
		.number = (unsigned)e->count,
		.is_error = is_error,
		.text = arena_str(&e->arena, buf_view(&b)),
	};
	e->count++;
	e->errors += is_error;
	buf_fini(&b);
}

void
conf_error(struct conf_errors *e, struct conf_origin at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(e, true, at, fmt, ap);
	va_end(ap);
}

void
conf_warning(struct conf_errors *e, struct conf_origin at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(e, false, at, fmt, ap);
	va_end(ap);
}

size_t
conf_errors_count(const struct conf_errors *e)
{
	return e->errors;
}

static int
compare(const void *a, const void *b)
{
	const struct message *x = a, *y = b;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

void
conf_errors_each(const struct conf_errors *e, void (*emit)(void *arg, bool is_error,
    const char *line), void *arg)
{
	struct message *sorted;

	if (e->count == 0)
		return;
	sorted = mem_alloc(e->count * sizeof(*sorted));
	memcpy(sorted, e->messages, e->count * sizeof(*sorted));
	qsort(sorted, e->count, sizeof(*sorted), compare);
	for (size_t i = 0; i < e->count; i++)
		/* A line of [defaults] may be wrong for two kinds of sections: told once. */
		if (i == 0 || !str_eq(sorted[i].text, sorted[i - 1].text))
			emit(arg, sorted[i].is_error, sorted[i].text.p);
	mem_free(sorted);
}
