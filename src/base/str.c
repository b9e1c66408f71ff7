/*
 * str.c - slices of text that somebody else owns.
 */
#include "base/str.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define A	CHAR_ALPHA
#define D	CHAR_DIGIT
#define X	CHAR_HEX
#define T	CHAR_TOKEN
#define V	CHAR_VALUE
#define R	CHAR_TARGET
#define H	CHAR_HOST

const uint8_t char_class[256] = {
	['\t'] = V, [' '] = V,
	['!'] = T|V|R|H, ['"'] = V, ['#'] = T|V, ['$'] = T|V|R|H, ['%'] = T|V|R|H,
	['&'] = T|V|R|H, ['\''] = T|V|R|H, ['('] = V|R|H, [')'] = V|R|H, ['*'] = T|V|R|H,
	['+'] = T|V|R|H, [','] = V|R|H, ['-'] = T|V|R|H, ['.'] = T|V|R|H, ['/'] = V|R,
	['0' ... '9'] = D|X|T|V|R|H,
	[':'] = V|R, [';'] = V|R|H, ['<'] = V, ['='] = V|R|H, ['>'] = V, ['?'] = V|R, ['@'] = V|R,
	['A' ... 'F'] = A|X|T|V|R|H, ['G' ... 'Z'] = A|T|V|R|H,
	['['] = V|R, ['\\'] = V, [']'] = V|R, ['^'] = T|V, ['_'] = T|V|R|H, ['`'] = T|V,
	['a' ... 'f'] = A|X|T|V|R|H, ['g' ... 'z'] = A|T|V|R|H,
	['{'] = V, ['|'] = T|V, ['}'] = V, ['~'] = T|V|R|H,
	[0x80 ... 0xff] = V,
};

#define FROM2(c)	(char)(c), (char)((c) + 1)
#define FROM8(c)	FROM2(c), FROM2((c) + 2), FROM2((c) + 4), FROM2((c) + 6)
#define FROM16(c)	FROM8(c), FROM8((c) + 8)
#define FROM64(c)	FROM16(c), FROM16((c) + 16), FROM16((c) + 32), FROM16((c) + 48)

const char char_lower[256] = {
	FROM64(0),
	'@', FROM16('a'), FROM8('q'), FROM2('y'), '[', '\\', ']', '^', '_',
	FROM16(0x60), FROM16(0x70),
	FROM64(0x80), FROM64(0xc0),
};

static inline uint64_t
load8(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

/* The `n` bytes at `p` in one word, n < 8: texts of one length are equal when their words are. */
static inline uint64_t
load_short(const char *p, size_t n)
{
	uint32_t first, last;

	if (n >= 4) {
		memcpy(&first, p, 4);
		memcpy(&last, p + n - 4, 4);
		return first | (uint64_t)last << 32;
	}
	if (n == 0)
		return 0;
	return (uint8_t)p[0] | (uint64_t)(uint8_t)p[n / 2] << 8 | (uint64_t)(uint8_t)p[n - 1] << 16;
}

#define EACH_BYTE(b)	((uint64_t)(b) * 0x0101010101010101u)

/* Eight bytes at once: the top bit of each byte of `upper` says that it is an upper-case letter. */
static inline uint64_t
lower8(uint64_t w)
{
	uint64_t low7 = w & EACH_BYTE(0x7f);
	uint64_t from_a = low7 + EACH_BYTE(0x80 - 'A');
	uint64_t beyond_z = low7 + EACH_BYTE(0x7f - 'Z');
	uint64_t upper = from_a & ~beyond_z & ~w & EACH_BYTE(0x80);

	return w | upper >> 2;
}

bool
str_ieq(struct str a, struct str b)
{
	size_t i;

	if (a.n != b.n)
		return false;
	if (a.n < 8)
		return lower8(load_short(a.p, a.n)) == lower8(load_short(b.p, b.n));
	for (i = 0; i + 8 < a.n; i += 8)
		if (lower8(load8(a.p + i)) != lower8(load8(b.p + i)))
			return false;
	/* The last word may overlap the one before. */
	return lower8(load8(a.p + a.n - 8)) == lower8(load8(b.p + b.n - 8));
}

int
str_cmp(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n > 0 ? memcmp(a.p, b.p, n) : 0;

	return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static inline bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct str
str_trim(struct str s)
{
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	while (s.n > 0 && is_blank(s.p[0]))
		s = str_skip(s, 1);
	return s;
}

bool
str_cut(struct str *rest, char sep, struct str *head)
{
	ptrdiff_t at;

	if (rest->p == NULL)
		return false;
	at = str_find(*rest, sep);
	if (at < 0) {
		*head = *rest;
		*rest = str_make(NULL, 0);
	} else {
		*head = str_make(rest->p, (size_t)at);
		*rest = str_skip(*rest, (size_t)at + 1);
	}
	return true;
}

bool
str_word(struct str *rest, struct str *word)
{
	size_t n = 0;

	while (rest->n > 0 && is_blank(rest->p[0]))
		*rest = str_skip(*rest, 1);
	if (rest->n == 0)
		return false;
	while (n < rest->n && !is_blank(rest->p[n]))
		n++;
	*word = str_make(rest->p, n);
	*rest = str_skip(*rest, n);
	return true;
}

bool
str_uint(struct str s, uint64_t max, uint64_t *value)
{
	uint64_t v = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned char)s.p[i] - '0';

		if (digit > 9 || v > max / 10 || digit > max - v * 10)
			return false;
		v = v * 10 + digit;
	}
	*value = v;
	return true;
}

#ifdef __SSE2__
/* Which of 16 bytes are no CHAR_VALUE: controls but HTAB, and DEL. */
static unsigned
controls16(const char *p)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
	__m128i tab = _mm_cmpeq_epi8(v, _mm_set1_epi8('\t'));
	__m128i del = _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f));

	return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, low), del));
}
#endif

size_t
str_value_span(struct str s)
{
	size_t i = 0;

#ifdef __SSE2__
	for (; s.n - i >= 16; i += 16) {
		unsigned found = controls16(s.p + i);

		if (found != 0)
			return i + (unsigned)__builtin_ctz(found);
	}
#endif
	while (i < s.n && char_is(s.p[i], CHAR_VALUE))
		i++;
	return i;
}

bool
str_all(struct str s, int class_mask)
{
	for (size_t i = 0; i < s.n; i++)
		if (!char_is(s.p[i], class_mask))
			return false;
	return true;
}

int
char_hex(char c)
{
	if (char_is(c, CHAR_DIGIT))
		return c - '0';
	return char_is(c, CHAR_HEX) ? char_lower[(unsigned char)c] - 'a' + 10 : -1;
}

/* Keeps out overlong forms, surrogates and what lies beyond U+10FFFF. */
static bool
utf8_second_ok(unsigned char first, unsigned char second)
{
	unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;

	return second >= low && second <= high;
}

size_t
str_utf8(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t n;

	if (s.n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (s.n < n || !utf8_second_ok(p[0], p[1]))
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/*
 * Folding the 128-bit product makes every bit of the state depend on all bits before it; with a
 * secret seed nobody can choose texts that collide.  The factors are digits of pi.
 */
static inline uint64_t
fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline __attribute__((always_inline)) uint64_t
hash(struct str s, uint64_t seed, bool lower)
{
	const uint64_t step = 0x243f6a8885a308d3u, start = 0x082efa98ec4e6c89u;
	uint64_t h = fold(seed ^ start, s.n ^ step), w;
	size_t i;

	for (i = 0; i + 8 <= s.n; i += 8) {
		w = load8(s.p + i);
		h = fold(h ^ (lower ? lower8(w) : w), step);
	}
	w = i < s.n ? load_short(s.p + i, s.n - i) : 0;
	h = fold(h ^ (lower ? lower8(w) : w), step);
	return fold(h ^ seed, start);
}

uint64_t
str_hash(struct str s, uint64_t seed)
{
	return hash(s, seed, false);
}

uint64_t
str_ihash(struct str s, uint64_t seed)
{
	return hash(s, seed, true);
}
