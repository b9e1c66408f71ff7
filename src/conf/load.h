/*
 * load.h - from an INI file, or the words of a command line, to a snapshot.
 */
#ifndef USHERD_CONF_LOAD_H
#define USHERD_CONF_LOAD_H

#include "base/buf.h"
#include "conf/document.h"
#include "conf/error.h"
#include "conf/snapshot.h"

/* One -g: `global.KEY=VALUE` or `KIND NAME:KEY=VALUE`, as the user typed it. */
struct conf_override {
	const char *text;
};

/*
 * Reads `file` with its includes, applies the overrides (they win over the file) and the rules of
 * inheritance, and checks all values and references.  Every problem goes to `errors`; NULL when
 * there was an error, else a snapshot that the caller ends with conf_free().
 */
struct conf_snapshot *conf_load(const char *file, const struct conf_override *overrides,
    unsigned noverrides, struct conf_errors *errors);

/*
 * Quick mode: listen at `listen` and proxy everything to the `nurls` URLs; the access log goes to
 * stdout, the error log to stderr, and there is no pid file (its path is absent).
 */
struct conf_snapshot *conf_quick(const char *listen, const char *const *urls, unsigned nurls,
    const struct conf_override *overrides, unsigned noverrides, struct conf_errors *errors);

/*
 * The pid_file that `file`, with the overrides, has in [global]: its path, which the caller frees,
 * or NULL for `off`.  What is wrong with it goes to `errors`, as does a file that cannot be read;
 * all other errors are overlooked.  `*others` tells whether something could not be read in which
 * the line may stand: an included file, a line, or a heading.
 */
char *conf_pid_file(const char *file, const struct conf_override *overrides, unsigned noverrides,
    struct conf_errors *errors, bool *others);

void conf_free(struct conf_snapshot *s);

/*
 * Gives up what only conf_dump() needs, the configuration as written, which is more than the
 * values.  conf_dump() has nothing to print from then on.
 */
void conf_forget_text(struct conf_snapshot *s);

/*
 * -T: the effective values as a configuration file, each under a comment line that says where it
 * comes from (`file:line` or `default`).  Reading the output again gives the same values.
 */
void conf_dump(const struct conf_snapshot *s, struct buf *out);

/* A line of the configuration that gives a value. */
typedef void conf_value_fn(void *arg, struct str key, struct str value, struct conf_origin at);

/*
 * Calls `each` for the lines whose values are in effect in the section of this kind and name, its
 * own and inherited ones, in the order of the manual; nothing for values that are built in.
 * conf_forget_text() must not have been called.
 */
void conf_each_value(const struct conf_snapshot *s, enum conf_kind kind, struct str name,
    conf_value_fn *each, void *arg);

/* The same for requests of a route, which may be the action of a host, that go to `backend`; NULL:
 * to none. */
void conf_each_route_value(const struct conf_snapshot *s, const struct conf_route *route,
    const struct conf_backend *backend, conf_value_fn *each, void *arg);

/* Where the value of a key stands that is in effect in this section; `otherwise` if it is built in.
 * As long as conf_each_value() may be called. */
struct conf_origin conf_origin_of(const struct conf_snapshot *s, enum conf_kind kind,
    struct str name, struct str key, struct conf_origin otherwise);

#endif
