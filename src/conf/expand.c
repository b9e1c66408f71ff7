/*
 * expand.c - what stands for something outside the file: ${NAME} and @/path.
 */
#include "conf/expand.h"

#include <stdlib.h>

#include "base/buf.h"
#include "conf/file.h"

enum { SECRET_MAX = 1024 * 1024 };

static const struct str absent = { NULL, 0 };

static struct str
file_content(struct conf_document *d, struct str raw, const char **why)
{
	const char *reason = "not here";
	struct str text = absent;

	if (!d->sandbox)
		text = conf_file_read(&d->arena, raw.p + 1, SECRET_MAX, &reason);
	if (text.p == NULL) {
		*why = arena_printf(&d->arena, "%s: %s", raw.p, reason).p;
		return absent;
	}
	if (text.n > 0 && text.p[text.n - 1] == '\n')
		text.n--;
	if (text.n > 0 && text.p[text.n - 1] == '\r')
		text.n--;
	if (str_find(text, '\n') >= 0 || str_find(text, '\0') >= 0) {
		*why = arena_printf(&d->arena, "%s: has more than one line", raw.p).p;
		return absent;
	}
	return arena_str(&d->arena, text);
}

/* `rest` begins with "${": the name, if it is one of the environment, else absent. */
static struct str
environment_name(struct str rest)
{
	struct str name = str_skip(rest, 2);
	ptrdiff_t end = str_find(name, '}');

	if (end < 0)
		return absent;
	name.n = (size_t)end;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!(c >= 'A' && c <= 'Z') && c != '_' && !(i > 0 && char_is(c, CHAR_DIGIT)))
			return absent;
	}
	return name.n > 0 ? name : absent;
}

static bool
add_environment(struct conf_document *d, struct str name, struct buf *out, const char **why)
{
	struct str copy = arena_str(&d->arena, name);
	const char *value = d->sandbox ? NULL : getenv(copy.p);

	if (value == NULL) {
		*why = arena_printf(&d->arena, "${%s} is not set in the environment", copy.p).p;
		return false;
	}
	for (const char *p = value; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' && *p != '\t') {
			*why = arena_printf(&d->arena, "${%s} holds control bytes", copy.p).p;
			return false;
		}
	buf_cstr(out, value);
	return true;
}

static bool
expand_dollars(struct conf_document *d, struct str rest, bool dollars, struct buf *out,
    const char **why)
{
	while (rest.n > 0) {
		struct str name = absent;
		ptrdiff_t at = str_find(rest, '$');

		if (at < 0) {
			buf_str(out, rest);
			return true;
		}
		buf_add(out, rest.p, (size_t)at);
		rest = str_skip(rest, (size_t)at);
		if (rest.n > 1 && rest.p[1] == '{')
			name = environment_name(rest);
		if (name.p != NULL) {
			if (!add_environment(d, name, out, why))
				return false;
			rest = str_skip(rest, name.n + 3);
		} else if (rest.n > 1 && rest.p[1] == '$') {
			buf_cstr(out, dollars ? "$" : "$$");
			rest = str_skip(rest, 2);
		} else {
			buf_char(out, '$');
			rest = str_skip(rest, 1);
		}
	}
	return true;
}

struct str
conf_expand(struct conf_document *d, struct str raw, bool dollars, const char **why)
{
	struct str result = absent, text;
	struct buf out;

	if (raw.n > 1 && raw.p[0] == '@' && raw.p[1] == '/')
		return file_content(d, raw, why);
	if (str_find(raw, '$') < 0)
		return raw;
	buf_init(&out);
	if (expand_dollars(d, raw, dollars, &out, why)) {
		text = str_of(buf_text(&out));	/* "" is not absent */
		result = str_eq(text, raw) ? raw : arena_str(&d->arena, text);
	}
	buf_fini(&out);
	return result;
}
