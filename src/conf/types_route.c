/*
 * types_route.c - what routes do: redirects, fixed responses, prefixes and error pages.
 */
#include "base/check.h"
#include "conf/file.h"
#include "conf/types.h"
#include "http/fields.h"
#include "http/target.h"

enum { ERROR_PAGE_MAX = 1024 * 1024 };

bool
conf_redirect(struct conf_parse *c, struct str text, void *place)
{
	struct conf_route *r = CONTAINER_OF(place, struct conf_route, redirect_status);
	struct conf_strs words;
	int status = 0;

	if (!conf_split(c, text, &words))
		return false;
	if (words.n != 2 || words.v[1].n == 0 || !conf_status(words.v[0], 300, 399, &status)) {
		conf_bad(c, "\"%.*s\" is no redirect (use 301 URL, or 302, 303, 307, 308)",
		    STR_ARG(conf_shown(c, text)));
		return false;
	}
	if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308) {
		conf_bad(c, "%d is no status of a redirect (use 301, 302, 303, 307 or"
		    " 308)", status);
		return false;
	}
	r->redirect_status = status;
	r->redirect_url = arena_str(c->arena, words.v[1]);
	return true;
}

/* RFC 9110, 15: these never have content. */
static bool
has_no_content(int status)
{
	return status == 204 || status == 205 || status == 304;
}

bool
conf_respond(struct conf_parse *c, struct str text, void *place)
{
	struct conf_route *r = CONTAINER_OF(place, struct conf_route, respond_status);
	struct conf_strs words;

	if (!conf_split(c, text, &words))
		return false;
	if (words.n > 3 || !conf_status(words.v[0], 200, 599, &r->respond_status)) {
		conf_bad(c, "\"%.*s\" is no response (use 200 \"text\" or 200 text/html \"text\")",
		    STR_ARG(conf_shown(c, text)));
		return false;
	}
	if (words.n > 1 && has_no_content(r->respond_status)) {
		conf_bad(c, "a response with status %d has no text", r->respond_status);
		return false;
	}
	if (words.n == 3 &&
	    (str_find(words.v[1], '/') < 0 || !str_all(words.v[1], CHAR_VALUE))) {
		conf_bad(c, "\"%.*s\" is no media type (put the text in double quotes)",
		    STR_ARG(conf_shown(c, words.v[1])));
		return false;
	}
	r->respond_type = words.n == 3 ? arena_str(c->arena, words.v[1]) :
	    STR_OF("text/plain; charset=utf-8");
	r->respond_text = words.n > 1 ? arena_str(c->arena, words.v[words.n - 1]) : STR_OF("");
	if (words.n == 1)
		r->respond_type = (struct str){ NULL, 0 };
	return true;
}

/* A path without conditions' marks; `*normal` is its comparable form. */
static bool
prefix(struct conf_parse *c, struct str text, struct str *word, struct str *normal)
{
	if (!conf_single(c, text, word))
		return false;
	*normal = (struct str){ NULL, 0 };
	if (word->p[0] == '/' && str_all(*word, CHAR_TARGET) && strpbrk(word->p, "?*") == NULL)
		*normal = target_normalise(c->arena, *word);
	if (normal->p == NULL) {
		conf_bad(c, "\"%.*s\" is no path (begin with /, without *, ? and #)",
		    STR_ARG(conf_shown(c, text)));
		return false;
	}
	return true;
}

static struct str
without_last_slash(struct conf_parse *c, struct str path)
{
	path.n -= str_ends(path, STR_OF("/"));
	return arena_str(c->arena, path);
}

bool
conf_strip_prefix(struct conf_parse *c, struct str text, void *place)
{
	struct str word, normal;

	if (!prefix(c, text, &word, &normal))
		return false;
	*(struct str *)place = without_last_slash(c, normal);
	return true;
}

/* What is sent to servers stays as it is written. */
bool
conf_add_prefix(struct conf_parse *c, struct str text, void *place)
{
	struct str word, normal;

	if (!prefix(c, text, &word, &normal))
		return false;
	*(struct str *)place = without_last_slash(c, word);
	return true;
}

static struct str
type_of(struct str path)
{
	static const struct {
		struct str ending, type;
	} types[] = {
		{ STR(".txt"), STR("text/plain; charset=utf-8") },
		{ STR(".json"), STR("application/json") },
		{ STR(".xml"), STR("application/xml") },
		{ STR(".svg"), STR("image/svg+xml") },
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_ends(path, types[i].ending))
			return types[i].type;
	return STR_OF("text/html; charset=utf-8");
}

static bool
error_page_given(const struct conf_parse *c, int status)
{
	struct conf_error_page *page;

	for (unsigned i = 0; i < c->nitems; i++) {
		memcpy(&page, c->items.p + i * sizeof(page), sizeof(page));
		if (page->status == status)
			return true;
	}
	return false;
}

static bool
add_error_page(struct conf_parse *c, struct str status, struct str path, struct str content)
{
	struct conf_error_page *page = ARENA_NEW(c->arena, struct conf_error_page);

	if (!conf_status(status, 400, 599, &page->status)) {
		conf_bad(c, "\"%.*s\" is no status of an error (use 400 to 599)",
		    STR_ARG(conf_shown(c, status)));
		return false;
	}
	if (error_page_given(c, page->status)) {
		conf_bad(c, "%d has a page already", page->status);
		return false;
	}
	page->path = path;
	page->content = content;
	page->content_type = type_of(path);
	page->at = c->line->at;
	conf_item(c, &page);
	return true;
}

bool
conf_error_pages(struct conf_parse *c, struct str text, void *place)
{
	const char *why = "not here";
	struct str path, content = { NULL, 0 };
	struct conf_strs words;
	bool ok = true;

	(void)place;
	if (!conf_split(c, text, &words))
		return false;
	path = arena_str(c->arena, words.v[words.n - 1]);
	if (words.n < 2 || path.n == 0 || path.p[0] != '/') {
		conf_bad(c, "\"%.*s\" is no error page (use 404 /path/to/file)",
		    STR_ARG(conf_shown(c, text)));
		return false;
	}
	if (!c->document->sandbox)
		content = conf_file_read(c->arena, path.p, ERROR_PAGE_MAX, &why);
	if (content.p == NULL) {
		conf_bad(c, "%.*s: cannot be read: %s", STR_ARG(conf_shown(c, path)), why);
		return false;
	}
	for (unsigned i = 0; i + 1 < words.n; i++)
		ok &= add_error_page(c, words.v[i], path, content);
	return ok;
}

/* Fields that frame or route a message are made by usherd, or have keys of their own. */
static const char *
instead_of(struct str name)
{
	switch (field_lookup(name)) {
	case FIELD_HOST:
		return "use host_header of [backend]";
	case FIELD_CONNECTION:
	case FIELD_CONTENT_LENGTH:
	case FIELD_KEEP_ALIVE:
	case FIELD_TE:
	case FIELD_TRANSFER_ENCODING:
	case FIELD_UPGRADE:
		return "usherd writes it itself";
	default:
		return NULL;
	}
}

bool
conf_header_set(struct conf_parse *c, struct str text, void *place)
{
	struct conf_header_set set = { .at = c->line->at };
	struct str value = text, name;

	(void)place;
	str_cut(&value, ':', &name);
	name = str_trim(name);
	if (!conf_is_token(name) || value.p == NULL || !str_all(value, CHAR_VALUE)) {
		conf_bad(c, "\"%.*s\" is no header (use Name: value)",
		    STR_ARG(conf_shown(c, text)));
		return false;
	}
	if (instead_of(name) != NULL) {
		conf_bad(c, "%.*s cannot be set (%s)", STR_ARG(name), instead_of(name));
		return false;
	}
	set.name = arena_str(c->arena, name);
	set.value = arena_str(c->arena, str_trim(value));
	conf_item(c, &set);
	return true;
}
