/*
 * suggest.h - the known word that somebody probably meant.
 */
#ifndef USHERD_CONF_SUGGEST_H
#define USHERD_CONF_SUGGEST_H

#include "base/str.h"

/* Looks through candidates one by one; start with conf_suggest_init(). */
struct conf_suggest {
	struct str wrong;
	struct str best;	/* absent while none is near enough */
	unsigned distance;
};

void conf_suggest_init(struct conf_suggest *s, struct str wrong);
void conf_suggest_offer(struct conf_suggest *s, struct str candidate);

/* ` (did you mean backend?)` or an empty text; NUL-terminated, in `out`. */
enum { CONF_SUGGEST_TEXT = 96 };
const char *conf_suggest_text(const struct conf_suggest *s, char out[CONF_SUGGEST_TEXT]);

#endif
