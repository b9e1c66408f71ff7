/*
 * words.c - the words of a value.
 */
#include "conf/words.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The byte that `\c` stands for inside quotes, or 0 when it is no escape. */
static char
unescape(char c)
{
	switch (c) {
	case '"':
	case '\\':
		return c;
	case 'n':
		return '\n';
	case 't':
		return '\t';
	default:
		return '\0';
	}
}

/* How many bytes the word takes with its quotes; 0 when a quote is not closed. */
static size_t
word_length(struct str in)
{
	bool quoted = false;
	size_t n;

	for (n = 0; n < in.n && (quoted || !is_blank(in.p[n])); n++) {
		if (in.p[n] == '"')
			quoted = !quoted;
		else if (quoted && in.p[n] == '\\' && n + 1 < in.n && unescape(in.p[n + 1]) != '\0')
			n++;
	}
	return quoted ? 0 : n;
}

/* Copies without the quotes; a word that has none is copied as it is. */
static struct str
unquote(struct str in, struct arena *arena)
{
	bool quoted = false;
	size_t n = 0;
	char *out = arena_alloc(arena, in.n + 1);

	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];

		if (c == '"') {
			quoted = !quoted;
			continue;
		}
		if (quoted && c == '\\' && unescape(in.p[i + 1]) != '\0')
			c = unescape(in.p[++i]);
		out[n++] = c;
	}
	out[n] = '\0';
	return str_make(out, n);
}

enum conf_word_result
conf_word(struct str *rest, struct arena *arena, struct str *word)
{
	struct str in = str_trim(*rest);
	size_t n;

	if (in.n == 0)
		return CONF_WORD_END;
	n = word_length(in);
	if (n == 0)
		return CONF_WORD_UNCLOSED;
	*word = unquote(str_make(in.p, n), arena);
	*rest = str_skip(in, n);
	return CONF_WORD;
}
