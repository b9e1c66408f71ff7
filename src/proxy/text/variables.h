/*
 * variables.h - the values that templates can name.
 */
#ifndef USHERD_PROXY_TEXT_VARIABLES_H
#define USHERD_PROXY_TEXT_VARIABLES_H

#include "base/str.h"
#include "proxy/text/escape.h"

struct attempt;
struct exchange;

enum { VARIABLE_SCRATCH = 160, FMT_SECONDS = 24 };

/*
 * The value in this exchange: absent (p == NULL) when there is none.  `arg` is what follows the
 * name of a family ($http_NAME: "NAME" in lower case, with - for _).  The result lies in `scratch`,
 * in the exchange or in its arena.
 */
typedef struct str variable_get(const struct exchange *x, struct str arg,
    char scratch[VARIABLE_SCRATCH]);

enum variable_flags {
	VARIABLE_FAMILY = 1,		/* the name goes on with an argument: $arg_NAME */
	VARIABLE_FIELDS = 2,		/* which is the name of a header field */
	VARIABLE_NUMBER = 4,		/* the value is always a number, as JSON writes them */
};

struct variable {
	struct str name;		/* without $; a family ends in _ */
	unsigned flags;
	variable_get *get;
	enum uri_form form;		/* how it goes into a URI */
};

/* The variable of a name, and for a family its argument; NULL if there is none. */
const struct variable *variable_lookup(struct str name, struct str *arg);

/*
 * Makes the argument of a family comparable: that of $http_NAME in lower case, with - for _.  In
 * place.
 */
void variable_fold_arg(const struct variable *v, char *arg, size_t n);

/* The known name nearest to a wrong one, or an absent string. */
struct str variable_suggest(struct str name);

/* Writes microseconds as seconds with three decimals (room for FMT_SECONDS); returns the length. */
size_t fmt_seconds(char *p, int64_t us);

/* How long an attempt took, and how long until it was connected, 0 with a connection that was open
 * before; in microseconds, -1 if it never was. */
int64_t attempt_us(const struct attempt *a);
int64_t attempt_connect_us(const struct attempt *a);

#endif
