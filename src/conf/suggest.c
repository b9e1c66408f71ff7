/*
 * suggest.c - the known word that somebody probably meant.
 */
#include "conf/suggest.h"

#include <limits.h>
#include <stdio.h>

enum {
	WORD_MAX = 64,			/* longer words get no suggestion */
	PREFIX_MIN = 4,
	PREFIX_DISTANCE = 2,		/* warning for warn: as good as two wrong letters */
};

static unsigned
min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* How many letters to add, drop, change or swap with their neighbour: a row of the table a turn. */
static unsigned
edit_distance(struct str a, struct str b)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *row = rows[2], *spare;

	for (unsigned j = 0; j <= b.n; j++)
		last[j] = j;
	for (unsigned i = 1; i <= a.n; i++) {
		row[0] = i;
		for (unsigned j = 1; j <= b.n; j++) {
			unsigned change = last[j - 1] + (a.p[i - 1] != b.p[j - 1]);

			row[j] = min3(last[j] + 1, row[j - 1] + 1, change);
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] &&
			    a.p[i - 2] == b.p[j - 1] && before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		spare = before;
		before = last;
		last = row;
		row = spare;
	}
	return last[b.n];
}

void
conf_suggest_init(struct conf_suggest *s, struct str wrong)
{
	*s = (struct conf_suggest){ .wrong = wrong };
	/* A third of the letters may be wrong; with more, a guess is no help. */
	s->distance = (unsigned)(wrong.n < 3 ? 2 : wrong.n / 3 + 1);
	if (s->distance > 4)
		s->distance = 4;
}

static bool
goes_on(struct str wrong, struct str candidate)
{
	return candidate.n >= PREFIX_MIN && str_starts(wrong, candidate);
}

void
conf_suggest_offer(struct conf_suggest *s, struct str candidate)
{
	size_t shorter = s->wrong.n < candidate.n ? s->wrong.n : candidate.n;
	size_t longer = s->wrong.n < candidate.n ? candidate.n : s->wrong.n;
	unsigned distance = UINT_MAX;

	if (longer <= WORD_MAX && longer - shorter < s->distance)
		distance = edit_distance(s->wrong, candidate);
	if (distance > PREFIX_DISTANCE && goes_on(s->wrong, candidate))
		distance = PREFIX_DISTANCE;
	if (distance < s->distance && distance < candidate.n) {
		s->distance = distance;
		s->best = candidate;
	}
}

const char *
conf_suggest_text(const struct conf_suggest *s, char out[CONF_SUGGEST_TEXT])
{
	out[0] = '\0';
	if (s->best.p != NULL)
		snprintf(out, CONF_SUGGEST_TEXT, " (did you mean %.*s?)", STR_ARG(s->best));
	return out;
}
