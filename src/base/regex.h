/*
 * regex.h - PCRE2 patterns: compiled at load, matched with bounds.
 */
#ifndef USHERD_BASE_REGEX_H
#define USHERD_BASE_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct regex;

/*
 * Compiles `pattern` (PCRE2, JIT where there is one).  It matches bytes, not UTF-8 characters; `.`
 * is any byte, so that no line feed hides the rest of a path, and `$` only the very end.  NULL on
 * a bad pattern, then `error` has its text with the offset.  The caller frees it with regex_free().
 */
struct regex *regex_new(struct str pattern, char *error, size_t error_size);
void regex_free(struct regex *re);

enum regex_result { REGEX_NO, REGEX_YES, REGEX_LIMIT };

/*
 * Looks for the pattern in `subject`.  `groups` (may be NULL) gets the whole match and the numbered
 * groups, at most `max_groups`; groups that took no part are absent.  REGEX_LIMIT when a limit
 * of work or memory ended the search.
 */
enum regex_result regex_match(const struct regex *re, struct str subject, struct str *groups,
    size_t max_groups);

/* The number of the group called `name`, or -1. */
int regex_group(const struct regex *re, struct str name);

/*
 * The name of a named group, counted from 0; false when there are no more.  It lives as long as the
 * pattern.
 */
bool regex_group_name(const struct regex *re, unsigned i, struct str *name);

/* How many numbered groups there are. */
unsigned regex_group_count(const struct regex *re);

/* Name and version of the library in use: `PCRE2 10.42 2022-12-11`. */
void regex_library(char *out, size_t size);

#endif
