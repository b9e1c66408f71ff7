/*
 * captures.h - what groups of patterns matched, as variables: `path_regex = ^/user/(?<id>\d+)$`
 * makes $id.
 *
 * At load, a set of names says which variables there are besides those of variables.h: for keys of
 * a route, the groups of its own patterns; for what routes share, those of all.
 */
#ifndef USHERD_PROXY_TEXT_CAPTURES_H
#define USHERD_PROXY_TEXT_CAPTURES_H

#include <stdbool.h>

#include "base/str.h"
#include "conf/error.h"

struct capture_names;
struct regex;

/* An empty set; ended with capture_names_free(), which takes NULL. */
struct capture_names *capture_names_new(void);
void capture_names_free(struct capture_names *names);

/*
 * Adds the names of the pattern's groups.  One that is the name of a variable is an error, which
 * begins with `what`.
 */
void capture_names_add(struct capture_names *names, const struct regex *pattern,
    struct conf_errors *errors, struct conf_origin at, const char *what);

/* Adds all names of another set. */
void capture_names_join(struct capture_names *names, const struct capture_names *more);

/* Lets `$1` to `$9` name the first `n` groups too. */
void capture_names_number(struct capture_names *names, unsigned n);

/* True for a name, or the number of a group, in the set; NULL is the empty set. */
bool capture_names_have(const struct capture_names *names, struct str name);

/* The groups of the pattern that matched a request; all zero: none did. */
struct captured {
	const struct regex *pattern;
	const struct str *groups;	/* the whole match is the first; absent: took no part */
	unsigned ngroups;
};

/* What the group of a name matched, or the one of a number; absent if there is none. */
struct str captured_named(const struct captured *c, struct str name);

#endif
