/*
 * whole.h - a snapshot with what it was made from: the private side of load.h.
 */
#ifndef USHERD_CONF_WHOLE_H
#define USHERD_CONF_WHOLE_H

#include "base/check.h"
#include "conf/document.h"
#include "conf/load.h"

struct conf_whole {
	struct conf_snapshot snapshot;
	struct arena arena;
	struct conf_document document;
	struct conf_section builtin;	/* holds the defaults of the table */
	struct map policies;		/* by their bytes, while the routes are made */
};

static inline struct conf_whole *
conf_whole_of(const struct conf_snapshot *s)
{
	return CONTAINER_OF(s, struct conf_whole, snapshot);
}

/*
 * Gives the lines of w->document their meaning, resolves inheritance, checks, and fills the
 * snapshot.  Problems go to the document's errors.
 */
void conf_whole_resolve(struct conf_whole *w);

/* The first part of that: every section has the values of its own lines. */
void conf_whole_read(struct conf_whole *w);

/* An empty whole; ended with conf_free(&w->snapshot). */
struct conf_whole *conf_whole_new(struct conf_errors *errors);

/* For tests: the configuration in `text`, without reading any file or the environment. */
struct conf_snapshot *conf_load_text(struct str text, struct conf_errors *errors);

#endif
