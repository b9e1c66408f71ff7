/*
 * template.h - text with variables, compiled at load: `$remote_addr said "$http_user_agent"`.
 *
 * `$name` and `${name}` are variables, `$$` is a dollar.  The variables are in variables.c.
 */
#ifndef USHERD_PROXY_TEXT_TEMPLATE_H
#define USHERD_PROXY_TEXT_TEMPLATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "conf/error.h"

struct capture_names;
struct conf_strs;
struct exchange;
struct regex;
struct template;

/*
 * Compiles `text`, which must outlive the template.  NULL after an error such as
 * `[log a] format: $remote_adr: unknown variable (did you mean $remote_addr?)`; `what` is the part
 * before the variable.  The caller frees it with template_free().
 */
struct template *template_new(struct str text, struct conf_errors *errors, struct conf_origin at,
    const char *what);
void template_free(struct template *t);

enum { TEMPLATE_GROUPS = 32 };		/* of a pattern, the whole match included */

/* What can be named besides the variables. */
struct template_scope {
	const struct capture_names *names;	/* of groups that matched the request; NULL: none */
	const struct regex *pattern;	/* of the replacement that the template is: `$1` to `$9` and
					 * the names of its groups are what they matched, which
					 * x->groups has while it is written; NULL: it is none */
	const struct conf_strs *redact;	/* whose values template_write() hides, see redact.h; it
					 * outlives the template; NULL: none */
};

/* The same with more names. */
struct template *template_new_in(const struct template_scope *scope, struct str text,
    struct conf_errors *errors, struct conf_origin at, const char *what);

/* True if it has no variables: then it always gives the same text. */
bool template_is_constant(const struct template *t);

/* True if it is a variable and no more, whose value is a number, as JSON writes them. */
bool template_is_number(const struct template *t);

/* How a value is written into its surroundings. */
enum template_escape {
	ESCAPE_NONE,		/* without controls all the same: no value splits a header */
	ESCAPE_LOG,		/* controls, '"', '\\' and bytes over 0x7e as \xNN; none is "-" */
	ESCAPE_JSON,		/* inside a JSON string */
	ESCAPE_HTML,		/* in text and quoted attributes of HTML and XML */
};

/* Appends the text of the exchange to `out`; of values over `max` bytes the beginning and "...". */
void template_write(const struct template *t, const struct exchange *x, enum template_escape escape,
    size_t max, struct buf *out);

/*
 * Appends it as a URI: values are percent-encoded as their place in it demands, see escape_uri().
 * `whole` says that it is a URI, or a reference to one, as in Location; else it is a path and a
 * query, and only a '?' of the template itself begins the query.
 */
void template_write_uri(const struct template *t, const struct exchange *x, bool whole,
    struct buf *out);

/* The text in an arena, with ESCAPE_NONE; the template's own text when it is constant. */
struct str template_eval(const struct template *t, const struct exchange *x, struct arena *arena);

#endif
