/*
 * template.c - text with variables, compiled at load.
 *
 *	"$remote_addr said $$5"  ─►  [variable remote_addr] [text " said $5"]
 */
#include "proxy/template.h"

#include "base/mem.h"
#include "proxy/escape.h"
#include "proxy/variables.h"

/* Fixed text, or a variable with the argument of its family in `text`. */
struct part {
	const struct variable *variable;	/* NULL: fixed text */
	struct str text;
	char *own;				/* the text's memory; NULL: a slice of the source */
};

struct template {
	struct part *parts;
	size_t nparts;
};

/* What went on while a text is compiled. */
struct compiler {
	struct template *t;
	struct conf_errors *errors;
	struct conf_origin at;
	const char *what;
};

static struct part *
add_part(struct template *t)
{
	t->parts = mem_realloc(t->parts, t->nparts + 1, sizeof(t->parts[0]));
	t->parts[t->nparts] = (struct part){ .variable = NULL };
	return &t->parts[t->nparts++];
}

/* Neighbouring texts become one, so that a constant is a single part. */
static void
add_text(struct template *t, struct str text)
{
	struct part *last = t->nparts > 0 ? &t->parts[t->nparts - 1] : NULL;
	char *joined;

	if (text.n == 0)
		return;
	if (last == NULL || last->variable != NULL) {
		add_part(t)->text = text;
		return;
	}
	joined = mem_alloc(last->text.n + text.n);
	memcpy(joined, last->text.p, last->text.n);
	memcpy(joined + last->text.n, text.p, text.n);
	mem_free(last->own);
	last->own = joined;
	last->text = str_make(joined, last->text.n + text.n);
}

static void
add_variable(struct compiler *c, struct str name)
{
	struct str arg;
	const struct variable *v = variable_lookup(name, &arg);
	struct str nearest;
	struct part *part;

	if (v == NULL) {
		nearest = variable_suggest(name);
		conf_error(c->errors, c->at, "%s: $%.*s: unknown variable%s%.*s%s", c->what,
		    STR_ARG(name), nearest.p != NULL ? " (did you mean $" : "",
		    STR_ARG(nearest), nearest.p != NULL ? "?)" : "");
		return;
	}
	part = add_part(c->t);
	part->variable = v;
	if (arg.n == 0)
		return;
	part->own = mem_strndup(arg.p, arg.n);
	variable_fold_arg(v, part->own, arg.n);
	part->text = str_make(part->own, arg.n);
}

static size_t
name_length(struct str s)
{
	size_t n = 0;

	if (s.n == 0 || s.p[0] < 'a' || s.p[0] > 'z')
		return 0;
	while (n < s.n && (char_is(s.p[n], CHAR_ALPHA | CHAR_DIGIT) || s.p[n] == '_'))
		n++;
	return n;
}

/* Takes what follows a dollar off `*rest`. */
static void
compile_dollar(struct compiler *c, struct str *rest)
{
	bool braces = rest->n > 0 && rest->p[0] == '{';
	struct str s = braces ? str_skip(*rest, 1) : *rest;
	size_t n = name_length(s);

	if (s.n > 0 && s.p[0] == '$' && !braces) {
		add_text(c->t, str_make(s.p, 1));
		*rest = str_skip(s, 1);
		return;
	}
	if (n == 0) {
		conf_error(c->errors, c->at, "%s: a $ without the name of a variable "
		    "(write $$ for a dollar)", c->what);
		return;
	}
	if (braces && (n == s.n || s.p[n] != '}')) {
		conf_error(c->errors, c->at, "%s: ${%.*s without its closing brace", c->what,
		    (int)n, s.p);
		*rest = str_skip(s, n);
		return;
	}
	add_variable(c, str_make(s.p, n));
	*rest = str_skip(s, n + braces);
}

struct template *
template_new(struct str text, struct conf_errors *errors, struct conf_origin at, const char *what)
{
	struct compiler c = { MEM_NEW(struct template), errors, at, what };
	size_t before = conf_errors_count(errors);
	ptrdiff_t dollar;

	while ((dollar = str_find(text, '$')) >= 0) {
		add_text(c.t, str_make(text.p, (size_t)dollar));
		text = str_skip(text, (size_t)dollar + 1);
		compile_dollar(&c, &text);
	}
	add_text(c.t, text);
	if (conf_errors_count(errors) == before)
		return c.t;
	template_free(c.t);
	return NULL;
}

void
template_free(struct template *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->nparts; i++)
		mem_free(t->parts[i].own);
	mem_free(t->parts);
	mem_free(t);
}

bool
template_is_constant(const struct template *t)
{
	return t->nparts == 0 || (t->nparts == 1 && t->parts[0].variable == NULL);
}

static void
write_value(struct str value, enum template_escape escape, struct buf *out)
{
	switch (escape) {
	case ESCAPE_NONE:
		escape_plain(out, value);
		break;
	case ESCAPE_LOG:
		escape_log(out, value);
		break;
	case ESCAPE_JSON:
		escape_json(out, value);
		break;
	}
}

void
template_write(const struct template *t, const struct exchange *x, enum template_escape escape,
    size_t max, struct buf *out)
{
	char scratch[VARIABLE_SCRATCH];

	for (size_t i = 0; i < t->nparts; i++) {
		const struct part *part = &t->parts[i];
		struct str value;
		bool cut;

		if (part->variable == NULL) {
			buf_str(out, part->text);
			continue;
		}
		value = part->variable->get(x, part->text, scratch);
		write_value(escape_cut(value, max, &cut), escape, out);
		if (cut)
			buf_cstr(out, "...");
	}
}

struct str
template_eval(const struct template *t, const struct exchange *x, struct arena *arena)
{
	struct buf out = { NULL, 0, 0 };
	struct str text;

	if (t->nparts == 0)
		return STR_OF("");
	if (template_is_constant(t))
		return t->parts[0].text;
	template_write(t, x, ESCAPE_NONE, SIZE_MAX, &out);
	text = arena_str(arena, buf_view(&out));
	buf_fini(&out);
	return text;
}
