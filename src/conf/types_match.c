/*
 * types_match.c - names of hosts and the conditions of routes.
 */
#include "base/regex.h"
#include "conf/idn.h"
#include "conf/table.h"
#include "conf/types.h"
#include "http/target.h"

enum { HOST_MAX = 253 };

static bool
is_host_letter(char c)
{
	return char_is(c, CHAR_ALPHA | CHAR_DIGIT) || c == '-' || c == '_';
}

/* Labels of 1 to 63 letters, joined by dots. */
static bool
is_dns_name(struct str name)
{
	struct str label;

	if (name.n == 0 || name.n > HOST_MAX)
		return false;
	while (str_cut(&name, '.', &label)) {
		if (label.n == 0 || label.n > 63)
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!is_host_letter(label.p[i]))
				return false;
	}
	return true;
}

/* As it stands in requests: lower case, A-labels. */
static struct str
normal_name(struct conf_parse *c, struct str name)
{
	return idn_is_needed(name) ? idn_to_ascii(c->arena, name) : conf_lower(c, name);
}

/* As the name of a request's host comes: lower case, no final dot, IPv6 without brackets. */
static bool
host_name(struct conf_parse *c, struct str word)
{
	bool final_dot = word.n > 1 && word.p[0] != '[' && word.p[word.n - 1] == '.';
	bool wildcard = str_starts(word, STR_OF("*."));
	struct str text = str_make(word.p, word.n - final_dot), name;
	struct ip_port ip;

	if (str_starts(text, STR_OF("["))) {
		name = conf_lower(c, text);
		if (name.n > 2 && ip_parse(&ip, name)) {
			name = arena_str(c->arena, str_make(name.p + 1, name.n - 2));
			conf_item(c, &name);
			return true;
		}
	} else if (str_eq(text, STR_OF("_"))) {
		conf_bad(c, "\"_\" is no name of a host (for names that no host has, write"
		    " default_host = HOST in [listen])");
		return false;
	} else {
		name = normal_name(c, wildcard ? str_skip(text, 2) : text);
		if (is_dns_name(name)) {
			if (wildcard)
				name = arena_printf(c->arena, "*.%.*s", STR_ARG(name));
			conf_item(c, &name);
			return true;
		}
	}
	conf_bad(c, "\"%.*s\" is no name of a host (use www.example.com or *.example.com, without"
	    " scheme and port)", STR_ARG(conf_shown(c, word)));
	return false;
}

bool
conf_host_names(struct conf_parse *c, struct str text, void *place)
{
	(void)place;
	return conf_each_word(c, text, host_name);
}

static bool
method(struct conf_parse *c, struct str word)
{
	if (!conf_is_token(word)) {
		conf_bad(c, "\"%.*s\" is no method", STR_ARG(conf_shown(c, word)));
		return false;
	}
	if (str_eq(word, STR_OF("CONNECT")) || str_eq(word, STR_OF("TRACE"))) {
		conf_bad(c, "\"%.*s\" is always answered with 405", STR_ARG(word));
		return false;
	}
	if (!str_eq(word, conf_lower(c, word))) {
		word = arena_str(c->arena, word);
		conf_item(c, &word);
		return true;
	}
	conf_bad(c, "\"%.*s\": methods are in capitals (GET)", STR_ARG(conf_shown(c, word)));
	return false;
}

bool
conf_methods(struct conf_parse *c, struct str text, void *place)
{
	(void)place;
	return conf_each_word(c, text, method);
}

static bool
bad_path(struct conf_parse *c, struct str word, const char *why)
{
	conf_bad(c, "\"%.*s\" %s", STR_ARG(conf_shown(c, word)), why);
	return false;
}

static bool
path(struct conf_parse *c, struct str word)
{
	struct conf_path p = { .kind = PATH_EXACT, .at = c->line->at };
	struct str text = word;

	if (text.n == 0 || text.p[0] != '/')
		return bad_path(c, word, "is no path (begin with /; for patterns use path_regex)");
	if (str_ends(text, STR_OF("/*"))) {
		p.kind = PATH_PREFIX;
		text.n -= 2;
	}
	if (str_find(text, '*') >= 0)
		return bad_path(c, word, "has a * that is not its last segment (use /prefix/* or"
		    " path_regex)");
	if (str_find(text, '?') >= 0 || str_find(text, '#') >= 0)
		return bad_path(c, word, "has a ? or # (use query for conditions on the query)");
	text = text.n > 0 ? target_normalise(c->scratch, text) : text;
	if (text.p == NULL)
		return bad_path(c, word, "leads above the root or has a wrong % escape");
	if (p.kind == PATH_PREFIX && str_ends(text, STR_OF("/")))
		text.n--;
	p.text = arena_str(c->arena, text);
	conf_item(c, &p);
	return true;
}

bool
conf_paths(struct conf_parse *c, struct str text, void *place)
{
	(void)place;
	return conf_each_word(c, text, path);
}

/* Compiled here only for the line of the error; the router compiles it to stay. */
bool
conf_patterns(struct conf_parse *c, struct str text, void *place)
{
	char error[256];
	struct regex *re = regex_new(text, error, sizeof(error));
	struct str pattern;

	(void)place;
	if (re == NULL) {
		conf_bad(c, "\"%.*s\": %s", STR_ARG(conf_shown(c, text)), error);
		return false;
	}
	regex_free(re);
	pattern = arena_str(c->arena, text);
	conf_item(c, &pattern);
	return true;
}

/* Cuts the `*` off a value that ends in one. */
static void
set_value(struct conf_parse *c, struct conf_match *m, struct str value)
{
	m->prefix = str_ends(value, STR_OF("*"));
	value.n -= m->prefix;
	m->value = arena_str(c->arena, value);
}

bool
conf_header_match(struct conf_parse *c, struct str text, void *place)
{
	struct conf_match m = { .prefix = false };
	struct str value = text, name;

	(void)place;
	str_cut(&value, ':', &name);
	name = str_trim(name);
	if (!conf_is_token(name)) {
		conf_bad(c, "\"%.*s\" is no header (use Name or Name: value)",
		    STR_ARG(conf_shown(c, text)));
		return false;
	}
	m.name = conf_lower(c, name);
	if (value.p != NULL)
		set_value(c, &m, str_trim(value));
	conf_item(c, &m);
	return true;
}

static bool
pair(struct conf_parse *c, struct str word)
{
	struct conf_match m = { .prefix = false };
	struct str value = word, name;

	str_cut(&value, '=', &name);
	if (name.n == 0) {
		conf_bad(c, "\"%.*s\" has no name (use name or name=value)",
		    STR_ARG(conf_shown(c, word)));
		return false;
	}
	m.name = arena_str(c->arena, name);
	if (value.p != NULL)
		set_value(c, &m, value);
	conf_item(c, &m);
	return true;
}

bool
conf_pair_matches(struct conf_parse *c, struct str text, void *place)
{
	(void)place;
	return conf_each_word(c, text, pair);
}
