/*
 * redact.h - values that a log must not show: of query arguments, fields and cookies.
 *
 * Names are compared without regard to case and percent-encoding, and `_` is the same as `-`.  A
 * hidden value is written as "-"; one that is empty or absent stays as it is.
 */
#ifndef USHERD_PROXY_TEXT_REDACT_H
#define USHERD_PROXY_TEXT_REDACT_H

#include "base/arena.h"
#include "base/str.h"
#include "conf/snapshot.h"

struct variable;

/* What in a value is hidden. */
enum redact {
	REDACT_NOT,
	REDACT_ALL,
	REDACT_URI,		/* arguments of the URIs in it: behind '?', and behind '#' */
	REDACT_QUERY,		/* arguments: it is a query */
	REDACT_COOKIE,		/* cookies: it is the value of Cookie or Set-Cookie */
};

/* What is hidden in the value of a variable; `arg` is that of a family, such as $http_NAME. */
enum redact redact_variable(const struct conf_strs *names, const struct variable *v,
    struct str arg);

/* The same for a group of a pattern, and for a field. */
enum redact redact_group(const struct conf_strs *names, struct str group);
enum redact redact_field(const struct conf_strs *names, struct str field);

/* The value as it may be shown: itself, or a copy in the arena. */
struct str redact_value(const struct conf_strs *names, enum redact what, struct str value,
    struct arena *arena);

#endif
