/*
 * str.h - slices of text that somebody else owns.
 */
#ifndef USHERD_BASE_STR_H
#define USHERD_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* `n` bytes at `p`, not NUL-terminated.  An absent value has p == NULL, an empty one n == 0. */
struct str {
	const char *p;
	size_t n;
};

/* The slice of a string literal, also in static initialisers. */
#define STR(lit)	{ (lit), sizeof(lit) - 1 }
#define STR_OF(lit)	((struct str){ (lit), sizeof(lit) - 1 })

/* For printf: "%.*s". */
#define STR_ARG(s)	(int)(s).n, (s).p

static inline struct str
str_of(const char *cstr)
{
	return (struct str){ cstr, cstr != NULL ? strlen(cstr) : 0 };
}

static inline struct str
str_make(const char *p, size_t n)
{
	return (struct str){ p, n };
}

static inline bool
str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Equal but for the case of ASCII letters. */
bool str_ieq(struct str a, struct str b);

static inline bool
str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

static inline bool
str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n &&
	    (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

/* Order as of memcmp, shorter first. */
int str_cmp(struct str a, struct str b);

/* `s` without its first `n` bytes; n <= s.n. */
static inline struct str
str_skip(struct str s, size_t n)
{
	return (struct str){ n > 0 ? s.p + n : s.p, s.n - n };
}

/* `s` without blanks (SP, HTAB) at both ends: OWS of RFC 9110, 5.6.3. */
struct str str_trim(struct str s);

/*
 * Cuts `rest` at the first `sep`: `*head` gets what precedes it, `*rest` what follows.  Without a
 * `sep`, head gets all and rest becomes absent (p == NULL).  False when rest was absent already,
 * so `while (str_cut(&rest, ',', &item))` sees every item.
 */
bool str_cut(struct str *rest, char sep, struct str *head);

/* The next word of `*rest`, split at blanks; false at the end. */
bool str_word(struct str *rest, struct str *word);

/* Index of the first `c`, or -1. */
static inline ptrdiff_t
str_find(struct str s, char c)
{
	const char *at = s.n > 0 ? memchr(s.p, c, s.n) : NULL;

	return at != NULL ? at - s.p : -1;
}

/* Decimal digits only, at least one; false on anything else or when it exceeds `max`. */
bool str_uint(struct str s, uint64_t max, uint64_t *value);

/* Classes of bytes, for char_is(). */
enum {
	CHAR_TOKEN = 1,		/* tchar of RFC 9110, 5.6.2 */
	CHAR_ALPHA = 2,
	CHAR_DIGIT = 4,
	CHAR_HEX = 8,
	CHAR_VALUE = 16,	/* field-vchar, SP, HTAB: RFC 9110, 5.5 */
	CHAR_TARGET = 32,	/* 0x21-0x7e without '#', '\\' and '"<>^`{|}': request target */
	CHAR_HOST = 64,		/* unreserved, sub-delims, '%': RFC 3986, 3.2.2 */
};

extern const uint8_t char_class[256];
extern const char char_lower[256];	/* ASCII letters to lower case, the rest unchanged */

static inline bool
char_is(char c, int class_mask)
{
	return (char_class[(unsigned char)c] & class_mask) != 0;
}

/* How many bytes at the beginning of `s` are of the class CHAR_VALUE. */
size_t str_value_span(struct str s);

/* True if every byte of `s` is of the class. */
bool str_all(struct str s, int class_mask);

/* 0 to 15, or -1. */
int char_hex(char c);

/* Length of the UTF-8 character (RFC 3629) that `s` begins with; 0 if there is none. */
size_t str_utf8(struct str s);

/* Hash of the text.  With a secret random `seed` nobody can choose texts that collide. */
uint64_t str_hash(struct str s, uint64_t seed);

/* The same over the lower-case text. */
uint64_t str_ihash(struct str s, uint64_t seed);

#endif
