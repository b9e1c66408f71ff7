/*
 * types_answer.c - what is sent: error pages, and how responses are compressed.
 */
#include "base/check.h"
#include "conf/file.h"
#include "conf/suggest.h"
#include "conf/types.h"

enum { PAGE_MAX = 1024 * 1024 };

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

/* Reads a page's file; false after an error. */
static bool
read_page(struct conf_parse *c, struct str path, struct conf_error_page *page)
{
	const char *why = "not here";

	page->path = arena_str(c->arena, path);
	page->content_type = type_of(page->path);
	page->at = c->line->at;
	if (!c->document->sandbox)
		page->content = conf_file_read(c->arena, page->path.p, PAGE_MAX, &why);
	if (page->content.p != NULL)
		return true;
	conf_bad(c, "%.*s: cannot be read: %s", STR_ARG(conf_shown(c, page->path)), why);
	return false;
}

static void
set_text(struct conf_parse *c, struct str text, struct conf_error_page *page)
{
	page->content = arena_str(c->arena, text);
	page->content_type = str_starts(text, STR_OF("<")) ? STR_OF("text/html; charset=utf-8") :
	    STR_OF("text/plain; charset=utf-8");
	page->at = c->line->at;
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
add_error_page(struct conf_parse *c, struct str status, const struct conf_error_page *content)
{
	struct conf_error_page *page = ARENA_NEW(c->arena, struct conf_error_page);

	*page = *content;
	if (!conf_status(status, 400, 599, &page->status)) {
		conf_bad(c, "\"%.*s\" is no status of an error (use 400 to 599)",
		    STR_ARG(conf_shown(c, status)));
		return false;
	}
	if (error_page_given(c, page->status)) {
		conf_bad(c, "%d has a page already", page->status);
		return false;
	}
	conf_item(c, &page);
	return true;
}

bool
conf_error_pages(struct conf_parse *c, struct str text, void *place)
{
	struct conf_error_page content = { .status = 0 };
	struct conf_strs words;
	struct str last;
	bool ok = true;

	(void)place;
	if (!conf_split(c, text, &words))
		return false;
	last = words.v[words.n - 1];
	if (words.n > 1 && str_starts(last, STR_OF("/"))) {
		if (!read_page(c, last, &content))
			return false;
	} else if (words.n > 1 && str_ends(text, STR_OF("\""))) {
		set_text(c, last, &content);
	} else {
		conf_bad(c, "\"%.*s\" is no error page (use 404 /path/to/file or 404 \"text\")",
		    STR_ARG(conf_shown(c, text)));
		return false;
	}
	for (unsigned i = 0; i + 1 < words.n; i++)
		ok &= add_error_page(c, words.v[i], &content);
	return ok;
}

bool
conf_maintenance_page(struct conf_parse *c, struct str text, void *place)
{
	struct conf_policy *policy = CONTAINER_OF(place, struct conf_policy, maintenance);
	struct conf_strs words;
	bool on;

	if (!conf_split(c, text, &words))
		return false;
	if (words.n == 1 && str_starts(words.v[0], STR_OF("/"))) {
		policy->maintenance = MAINTENANCE_FILE;
		policy->maintenance_page.status = 503;
		return read_page(c, words.v[0], &policy->maintenance_page);
	}
	if (!conf_is_bool(text, &on)) {
		conf_bad(c, "\"%.*s\" is none of off, on and the path of a page (begin it with /)",
		    STR_ARG(conf_shown(c, text)));
		return false;
	}
	policy->maintenance = on ? MAINTENANCE_ON : MAINTENANCE_OFF;
	return true;
}

/* The coding of a word, or 0 after an error. */
static enum conf_coding
coding_of(struct conf_parse *c, struct str word)
{
	static const struct {
		struct str name;
		enum conf_coding coding;
	} codings[] = {
		{ STR("gzip"), CODING_GZIP },
		{ STR("br"), CODING_BR },
		{ STR("zstd"), CODING_ZSTD },
	};
	struct conf_suggest suggest;
	char hint[CONF_SUGGEST_TEXT];

	conf_suggest_init(&suggest, word);
	for (size_t i = 0; i < ARRAY_LEN(codings); i++) {
		if (str_eq(word, codings[i].name))
			return codings[i].coding;
		conf_suggest_offer(&suggest, codings[i].name);
	}
	conf_bad(c, "\"%.*s\" is none of gzip, br, zstd and off%s", STR_ARG(conf_shown(c, word)),
	    conf_suggest_text(&suggest, hint));
	return CODING_NONE;
}

bool
conf_codings(struct conf_parse *c, struct str text, void *place)
{
	unsigned char *codings = place;
	struct conf_strs words;

	if (!conf_split(c, text, &words))
		return false;
	if (str_eq(text, STR_OF("off")))
		return true;
	for (unsigned i = 0; i < words.n; i++) {
		enum conf_coding coding = coding_of(c, words.v[i]);

		if (coding == CODING_NONE)
			return false;
		if (memchr(codings, coding, i) != NULL) {
			conf_bad(c, "%.*s stands here twice", STR_ARG(words.v[i]));
			return false;
		}
		codings[i] = (unsigned char)coding;
	}
	return true;
}

static bool
is_media_type(struct str word)
{
	struct str subtype = word, type;

	str_cut(&subtype, '/', &type);
	return conf_is_token(type) && !str_eq(type, STR_OF("*")) && conf_is_token(subtype) &&
	    (str_find(subtype, '*') < 0 || subtype.n == 1);
}

static bool
media_type(struct conf_parse *c, struct str word)
{
	struct str type = conf_lower(c, word);

	if (is_media_type(type)) {
		conf_item(c, &type);
		return true;
	}
	conf_bad(c, "\"%.*s\" is no media type (use application/json, or text/* for all of a kind)",
	    STR_ARG(conf_shown(c, word)));
	return false;
}

bool
conf_media_types(struct conf_parse *c, struct str text, void *place)
{
	(void)place;
	return conf_each_word(c, text, media_type);
}
