/*
 * inherit.h - which section a value comes from.
 *
 *	[route] ─► its [host] ─► its [backend] ─► [defaults] ─► built in
 */
#ifndef USHERD_CONF_INHERIT_H
#define USHERD_CONF_INHERIT_H

#include "conf/table.h"
#include "conf/whole.h"

/* The sections that a structure's values may come from, first wins. */
struct conf_layers {
	const struct conf_section *v[4];
	unsigned n;
};

/*
 * The layers of a section's own structure; of a host: of the route that its action makes.  The
 * backends of a split, of which each request has another one, are not among them.
 */
void conf_layers_of(const struct conf_whole *w, const struct conf_section *s,
    struct conf_layers *layers);

/* The same for the requests of a route that go to `backend`; NULL: to none. */
void conf_layers_with(const struct conf_whole *w, const struct conf_section *s,
    const struct conf_backend *backend, struct conf_layers *layers);

/*
 * The setting that decides about a directive, or NULL: then the default is built in.  `*from` gets
 * its section.
 */
struct conf_setting *conf_layers_find(const struct conf_layers *layers,
    const struct conf_directive *row, const struct conf_section **from);

/*
 * Whether the section would have the same value without this setting of its own: one that it
 * inherits, or the default.  So it is with most of what -T prints, which is nobody's mistake.
 */
bool conf_repeats(const struct conf_whole *w, const struct conf_section *s,
    const struct conf_setting *set);

/*
 * Fills in the values of `s`->values[owner] that the section does not set itself; the structure is
 * made if it is missing.  When a route
 * names several hosts, and these do not say the same about a key that it leaves open, that is an
 * error.
 */
void conf_inherit(struct conf_whole *w, struct conf_section *s, unsigned owner);

/* The backend that lends its values to a route; NULL: none, or one for each part of a split. */
const struct conf_backend *conf_lender(const struct conf_route *route);

/* The backend that a section's try_files, its own or what it inherits, ends with; NULL: none. */
struct conf_backend *conf_files_backend(const struct conf_whole *w, const struct conf_section *s);

/*
 * Fills `policy` with that of the section, which conf_inherit() has made, but with the values for
 * requests that go to `backend`; NULL: to none.
 */
void conf_inherit_with(struct conf_whole *w, const struct conf_section *s,
    const struct conf_backend *backend, struct conf_policy *policy);

#endif
