/*
 * error.c - collects the errors and warnings of one look at the configuration.
 */
#include "conf/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"

enum {
	TEXT_HEAD = 600,	/* of a message that is too long, its beginning is kept ... */
	TEXT_TAIL = 300,	/* ... and its end, where the remedy stands */
	UTF8_MAX = 4,		/* bytes of a character */
};

struct message {
	unsigned file;		/* position in conf_errors.files */
	int line;
	unsigned number;	/* order of reporting */
	bool is_error;
	struct str text;
};

struct conf_errors {
	struct arena arena;
	struct message messages[2 * CONF_ERRORS_KEPT];
	unsigned count;
	unsigned kept[2];	/* by is_error, as the next */
	size_t more[2];		/* reported when there was no more room */
	size_t errors;		/* that were reported, kept or not */
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

static bool
is_utf8_middle(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Takes what is too much out of the middle: the value of one key may have megabytes. */
static void
shorten(struct buf *b)
{
	static const struct str gap = STR(" [...] ");
	struct str text = buf_view(b);
	size_t head = TEXT_HEAD, tail;

	if (text.n <= TEXT_HEAD + TEXT_TAIL + gap.n)
		return;
	tail = text.n - TEXT_TAIL;
	while (head > TEXT_HEAD - UTF8_MAX && is_utf8_middle(text.p[head]))
		head--;
	while (tail < text.n - TEXT_TAIL + UTF8_MAX && is_utf8_middle(text.p[tail]))
		tail++;
	memcpy(b->p + head, gap.p, gap.n);
	memmove(b->p + head + gap.n, b->p + tail, text.n - tail);
	b->n = head + gap.n + text.n - tail;
}

/* A line of [defaults] may be wrong for two kinds of sections, in the same words. */
static bool
is_known(const struct conf_errors *e, struct str text)
{
	for (unsigned i = 0; i < e->count; i++)
		if (str_eq(e->messages[i].text, text))
			return true;
	return false;
}

static void keep(struct conf_errors *e, bool is_error, struct conf_origin at, const char *fmt,
    va_list ap) __attribute__((format(printf, 4, 0)));

static void
keep(struct conf_errors *e, bool is_error, struct conf_origin at, const char *fmt, va_list ap)
{
	struct buf b;

	buf_init(&b);
	buf_cstr(&b, at.file);
	if (at.line > 0)
		buf_printf(&b, ":%d", at.line);
	buf_cstr(&b, is_error ? ": " : ": warning: ");
	buf_vprintf(&b, fmt, ap);
	shorten(&b);
	if (!is_known(e, buf_view(&b))) {
		e->messages[e->count] = (struct message){
			.file = file_number(e, str_of(at.file)),
			.line = at.line,
			.number = e->count,
			.is_error = is_error,
			.text = arena_str(&e->arena, buf_view(&b)),
		};
		e->count++;
		e->kept[is_error]++;
	}
	buf_fini(&b);
}

static void add(struct conf_errors *e, bool is_error, struct conf_origin at, const char *fmt,
    va_list ap) __attribute__((format(printf, 4, 0)));

static void
add(struct conf_errors *e, bool is_error, struct conf_origin at, const char *fmt, va_list ap)
{
	e->errors += is_error;
	if (e->kept[is_error] < CONF_ERRORS_KEPT)
		keep(e, is_error, at, fmt, ap);
	else
		e->more[is_error]++;
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

static void
emit_more(size_t n, bool is_error, void (*emit)(void *arg, bool is_error, const char *line),
    void *arg)
{
	char line[64];

	if (n == 0)
		return;
	snprintf(line, sizeof(line), "and %zu more %s%s", n, is_error ? "error" : "warning",
	    n > 1 ? "s" : "");
	emit(arg, is_error, line);
}

void
conf_errors_each(const struct conf_errors *e, void (*emit)(void *arg, bool is_error,
    const char *line), void *arg)
{
	struct message sorted[2 * CONF_ERRORS_KEPT];

	memcpy(sorted, e->messages, e->count * sizeof(*sorted));
	qsort(sorted, e->count, sizeof(*sorted), compare);
	for (unsigned i = 0; i < e->count; i++)
		emit(arg, sorted[i].is_error, sorted[i].text.p);
	emit_more(e->more[false], false, emit, arg);
	emit_more(e->more[true], true, emit, arg);
}
