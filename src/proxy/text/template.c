/*
 * template.c - text with variables, compiled at load.
 *
 *	"$remote_addr said $$5"  ─►  [variable remote_addr] [text " said $5"]
 */
#include "proxy/text/template.h"

#include "base/mem.h"
#include "conf/foreign.h"
#include "base/regex.h"
#include "proxy/exchange.h"
#include "proxy/text/captures.h"
#include "proxy/text/escape.h"
#include "proxy/text/redact.h"
#include "proxy/text/variables.h"

/* Fixed text, a variable with its family's argument in `text`, or a group of a pattern. */
struct part {
	const struct variable *variable;	/* NULL: fixed text, or a group */
	unsigned group;				/* of the pattern of a replacement; 0: none */
	bool captured;				/* `text` is the name of a group */
	enum redact redact;			/* what of its value is hidden */
	struct str text;
	char *own;				/* the text's memory; NULL: a slice of the source */
};

struct template {
	struct part *parts;
	size_t nparts;
	const struct conf_strs *redact;		/* NULL: nothing is hidden */
};

/* What went on while a text is compiled. */
struct compiler {
	struct template *t;
	struct conf_errors *errors;
	struct conf_origin at;
	const char *what;
	struct template_scope scope;
};

static bool
is_text(const struct part *part)
{
	return part->variable == NULL && part->group == 0 && !part->captured;
}

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
	if (last == NULL || !is_text(last)) {
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

/* The number of the group in the pattern of a replacement, or 0. */
static unsigned
group_number(const struct compiler *c, struct str name)
{
	const struct regex *pattern = c->scope.pattern;
	int group;

	if (pattern == NULL)
		return 0;
	group = char_is(name.p[0], CHAR_DIGIT) ? name.p[0] - '0' : regex_group(pattern, name);
	if (group < 0 || group > (int)regex_group_count(pattern) || group >= TEMPLATE_GROUPS)
		return 0;
	return (unsigned)group;
}

/* `$1` or the name of a group; false when it is neither. */
static bool
add_group(struct compiler *c, struct str name)
{
	unsigned group = group_number(c, name);
	struct part *part;

	/* The numbers in a replacement are those of its own pattern. */
	if (group == 0 && ((c->scope.pattern != NULL && char_is(name.p[0], CHAR_DIGIT)) ||
	    !capture_names_have(c->scope.names, name)))
		return false;
	part = add_part(c->t);
	part->group = group;
	if (group > 0)
		return true;
	part->captured = true;
	part->own = mem_strndup(name.p, name.n);
	part->text = str_make(part->own, name.n);
	if (c->t->redact != NULL)
		part->redact = redact_group(c->t->redact, part->text);
	return true;
}

static void
add_variable(struct compiler *c, struct str name)
{
	struct str arg;
	const struct variable *v = variable_lookup(name, &arg);
	struct str nearest;
	struct part *part;
	const char *ours;

	if (char_is(name.p[0], CHAR_DIGIT)) {
		conf_error(c->errors, c->at, "%s: $%c: there is no pattern with such a group (write"
		    " $$ for a dollar)", c->what, name.p[0]);
		return;
	}
	if (v == NULL) {
		nearest = variable_suggest(name);
		ours = conf_foreign_variable(name);
		if (ours != NULL) {
			conf_error(c->errors, c->at, "%s: $%.*s: unknown variable (%s)", c->what,
			    STR_ARG(name), ours);
			return;
		}
		conf_error(c->errors, c->at, "%s: $%.*s: unknown variable%s%.*s%s", c->what,
		    STR_ARG(name), nearest.p != NULL ? " (did you mean $" : "",
		    STR_ARG(nearest), nearest.p != NULL ? "?)" : "");
		return;
	}
	part = add_part(c->t);
	part->variable = v;
	if (arg.n > 0) {
		part->own = mem_strndup(arg.p, arg.n);
		variable_fold_arg(v, part->own, arg.n);
		part->text = str_make(part->own, arg.n);
	}
	if (c->t->redact != NULL)
		part->redact = redact_variable(c->t->redact, v, part->text);
}

static size_t
name_length(struct str s)
{
	size_t n = 0;

	if (s.n > 0 && s.p[0] >= '1' && s.p[0] <= '9')
		return 1;
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
	if (!add_group(c, str_make(s.p, n)))
		add_variable(c, str_make(s.p, n));
	*rest = str_skip(s, n + braces);
}

struct template *
template_new_in(const struct template_scope *scope, struct str text, struct conf_errors *errors,
    struct conf_origin at, const char *what)
{
	struct compiler c = { MEM_NEW(struct template), errors, at, what, *scope };
	size_t before = conf_errors_count(errors);
	ptrdiff_t dollar;

	if (scope->redact != NULL && scope->redact->n > 0)
		c.t->redact = scope->redact;
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

struct template *
template_new(struct str text, struct conf_errors *errors, struct conf_origin at, const char *what)
{
	const struct template_scope scope = { .names = NULL };

	return template_new_in(&scope, text, errors, at, what);
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
	return t->nparts == 0 || (t->nparts == 1 && is_text(&t->parts[0]));
}

bool
template_is_number(const struct template *t)
{
	const struct part *only = t->parts;

	return t->nparts == 1 && only->variable != NULL &&
	    (only->variable->flags & VARIABLE_NUMBER) && only->redact != REDACT_ALL;
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
	case ESCAPE_HTML:
		escape_html(out, value);
		break;
	}
}

/* The name is a group of one of them: what its rewrite took comes before what chose the route. */
static struct str
captured_value(const struct exchange *x, struct str name)
{
	struct str value = { NULL, 0 };

	if (!char_is(name.p[0], CHAR_DIGIT))
		value = captured_named(&x->rewrite_captured, name);
	return value.p != NULL ? value : captured_named(&x->route_captured, name);
}

static struct str
value_of(const struct part *part, const struct exchange *x, char scratch[VARIABLE_SCRATCH])
{
	if (part->captured)
		return captured_value(x, part->text);
	if (part->group > 0)
		return x->groups[part->group];
	return part->variable->get(x, part->text, scratch);
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

		if (is_text(part)) {
			buf_str(out, part->text);
			continue;
		}
		value = value_of(part, x, scratch);
		if (t->redact != NULL)
			value = redact_value(t->redact, part->redact, value, &x->stream->arena);
		write_value(escape_cut(value, max, &cut), escape, out);
		if (cut)
			buf_cstr(out, "...");
	}
}

/* Where the next value stands, when a URI has grown behind `from`. */
static enum uri_place
place_behind(enum uri_place place, const struct buf *uri, size_t from)
{
	for (size_t i = from; i < uri->n && place != URI_IN_QUERY; i++) {
		char before = i > 0 ? uri->p[i - 1] : '\0';

		if (uri->p[i] == '?')
			place = URI_IN_QUERY;
		else if (uri->p[i] == '/' && before != '/' && before != ':')
			place = URI_IN_PATH;
	}
	return place;
}

static void
write_uri_value(struct str value, enum uri_form form, enum uri_place place, bool whole,
    struct buf *out)
{
	/* What a URI begins with, such as $http_referer, is one itself. */
	if (whole && form == URI_TEXT && out->n == 0)
		form = URI_READY;
	/* In a whole URI a ready piece may bring the query along, as $request_uri does. */
	escape_uri(out, value, form, whole && form == URI_READY ? URI_IN_QUERY : place);
}

void
template_write_uri(const struct template *t, const struct exchange *x, bool whole, struct buf *out)
{
	enum uri_place place = whole ? URI_IN_HOST : URI_IN_PATH;
	char scratch[VARIABLE_SCRATCH];

	for (size_t i = 0; i < t->nparts; i++) {
		const struct part *part = &t->parts[i];
		size_t from = out->n;

		if (is_text(part))
			escape_uri(out, part->text, URI_READY, URI_IN_QUERY);
		else
			write_uri_value(value_of(part, x, scratch),
			    part->variable == NULL ? URI_PATH : part->variable->form, place, whole,
			    out);
		place = place_behind(place, out, from);
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
