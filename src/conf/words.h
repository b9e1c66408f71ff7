/*
 * words.h - the words of a value.
 */
#ifndef USHERD_CONF_WORDS_H
#define USHERD_CONF_WORDS_H

#include "base/arena.h"
#include "base/str.h"

enum conf_word_result { CONF_WORD, CONF_WORD_END, CONF_WORD_UNCLOSED };

/*
 * Takes the next word: words are split by blanks, and double quotes group (anywhere in a word, so
 * `a="b c"` is one).  Inside quotes \" \\ \n \t stand for a quote, a backslash, a line end and a
 * tab.  The word is NUL-terminated and lives in `arena`.
 */
enum conf_word_result conf_word(struct str *rest, struct arena *arena, struct str *word);

#endif
