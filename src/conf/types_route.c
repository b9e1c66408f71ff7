/*
 * types_route.c - what routes do: redirects, fixed responses, splits, and the path for servers.
 */
#include "base/check.h"
#include "base/regex.h"
#include "conf/expand.h"
#include "conf/table.h"
#include "conf/types.h"
#include "conf/words.h"
#include "http/target.h"

enum {
	SPLIT_WEIGHT_MAX = 10000,
	PERMILLE = 1000,
};

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

static bool
rewrite_pattern(struct conf_parse *c, struct str pattern)
{
	char error[256];
	struct regex *re = regex_new(pattern, error, sizeof(error));

	if (re == NULL)
		conf_bad(c, "\"%.*s\": %s", STR_ARG(pattern), error);
	regex_free(re);
	return re != NULL;
}

/* The environment may stand in the replacement alone: a `$` of the pattern is the end of a path. */
bool
conf_rewrites(struct conf_parse *c, struct str text, void *place)
{
	struct conf_rewrite r = { .at = c->line->at };
	struct str rest = text, pattern, written, replacement, more;
	const char *why = NULL;

	(void)place;
	if (conf_word(&rest, c->scratch, &pattern) != CONF_WORD ||
	    conf_word(&rest, c->scratch, &written) != CONF_WORD ||
	    conf_word(&rest, c->scratch, &more) != CONF_WORD_END) {
		conf_bad(c, "\"%.*s\" is no pattern with its replacement (use ^/old/(.*)$ /new/$1,"
		    " with double quotes around blanks)", STR_ARG(text));
		return false;
	}
	if (!rewrite_pattern(c, pattern))
		return false;
	replacement = conf_expand(c->document, written, false, &why);
	if (replacement.p == NULL) {
		conf_bad(c, "%s", why);
		return false;
	}
	if (replacement.n == 0 || (replacement.p[0] != '/' && replacement.p[0] != '$')) {
		conf_bad(c, "\"%.*s\" is no path (begin with / or a variable; for other hosts use"
		    " redirect or backend)", STR_ARG(written));
		return false;
	}
	if (str_find(replacement, '#') >= 0) {
		conf_bad(c, "\"%.*s\": servers get no fragment (leave out the #)",
		    STR_ARG(written));
		return false;
	}
	r.pattern = arena_str(c->arena, pattern);
	r.replacement = arena_str(c->arena, replacement);
	conf_item(c, &r);
	return true;
}

/* `90:app` */
static bool
split_word(struct conf_parse *c, struct str word, struct conf_split *split)
{
	struct str name = word, weight;
	uint64_t n;

	str_cut(&name, ':', &weight);
	if (name.p == NULL || !str_uint(weight, SPLIT_WEIGHT_MAX, &n)) {
		conf_bad(c, "\"%.*s\" is no weight with a backend (use 90:app 10:canary, and"
		    " key=$cookie_id for a choice that lasts)", STR_ARG(conf_shown(c, word)));
		return false;
	}
	split->weight = (unsigned)n;
	split->backend = conf_refer(c, c->row->ref, name);
	return split->backend != NULL;
}

static bool
is_split_twice(struct conf_parse *c, const struct conf_split *splits, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (splits[i].backend != splits[n].backend)
			continue;
		conf_bad(c, "%.*s has a weight already", STR_ARG(splits[n].backend->name));
		return true;
	}
	return false;
}

bool
conf_splits(struct conf_parse *c, struct str text, void *place)
{
	static const struct str key = STR("key=");
	struct conf_route *r = CONTAINER_OF(place, struct conf_route, splits);
	struct conf_strs words;
	uint64_t sum = 0;

	if (!conf_split(c, text, &words))
		return false;
	r->splits = arena_zalloc(c->arena, words.n * sizeof(*r->splits));
	r->nsplits = 0;
	for (unsigned i = 0; i < words.n; i++) {
		struct conf_split *split = &r->splits[r->nsplits];

		if (str_starts(words.v[i], key) && words.v[i].n > key.n && r->split_key.p == NULL) {
			r->split_key = arena_str(c->arena, str_skip(words.v[i], key.n));
			continue;
		}
		if (!split_word(c, words.v[i], split) || is_split_twice(c, r->splits, r->nsplits))
			return false;
		sum += split->weight;
		r->nsplits++;
	}
	if (sum > 0)
		return true;
	conf_bad(c, "no backend gets anything (use 90:app 10:canary)");
	return false;
}

/* `10%` or `0.5%` as thousandths. */
static bool
sample(struct str text, unsigned *permille)
{
	struct str tenths = text, whole;
	uint64_t a, b = 0;

	if (!str_ends(text, STR_OF("%")))
		return false;
	tenths.n--;
	str_cut(&tenths, '.', &whole);
	if (!str_uint(whole, 100, &a) ||
	    (tenths.p != NULL && (tenths.n != 1 || !str_uint(tenths, 9, &b))))
		return false;
	*permille = (unsigned)(a * 10 + b);
	return *permille > 0 && *permille <= PERMILLE;
}

bool
conf_mirror_or_off(struct conf_parse *c, struct str text, void *place)
{
	static const struct str key = STR("sample=");
	struct conf_mirror *m = place;
	struct conf_strs words;

	if (!conf_split(c, text, &words))
		return false;
	if (str_eq(text, STR_OF("off")))
		return true;
	m->sample_permille = PERMILLE;
	if (words.n > 2 || (words.n == 2 && (!str_starts(words.v[1], key) ||
	    !sample(str_skip(words.v[1], key.n), &m->sample_permille)))) {
		conf_bad(c, "\"%.*s\" is no mirror (use NAME, or NAME sample=10%%, from 0.1%% to"
		    " 100%%)", STR_ARG(conf_shown(c, text)));
		return false;
	}
	m->backend = conf_refer(c, c->row->ref, words.v[0]);
	return m->backend != NULL;
}
