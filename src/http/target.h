/*
 * target.h - request targets: RFC 9112, section 3.2, and paths made comparable.
 */
#ifndef USHERD_HTTP_TARGET_H
#define USHERD_HTTP_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum target_form { TARGET_ORIGIN, TARGET_ABSOLUTE, TARGET_ASTERISK, TARGET_AUTHORITY };

struct target {
	enum target_form form;
	struct str authority;	/* of absolute-form, else absent */
	struct str path;	/* as received with its slash; "/" for an absolute one without */
	bool no_path;		/* absolute-form with neither path nor query */
	struct str query;	/* without '?'; absent when there is none */
};

/*
 * Splits a target.  False when it is none of the forms, has bytes that no URI has (controls,
 * blanks, '#', 8-bit), a backslash in its path, a scheme other than http and https, or userinfo.
 */
bool target_parse(struct target *t, struct str text);

/*
 * The path and query of `t`, which was split from `text`, as they stand there: origin-form, as
 * servers get it (RFC 9112, 3.2.1).  "*", and what could not be split, is `text` itself.  The
 * result is part of `text`, or lives in `arena`.
 */
struct str target_origin_form(struct arena *arena, const struct target *t, struct str text);

/*
 * Checks `uri-host[:port]`; no userinfo, no list.  `host` gets the name without brackets, port and
 * final dot, as received; `port` 0 when there is none.  An empty name is refused.
 */
bool target_authority(struct str text, struct str *host, uint16_t *port);

/*
 * The path, which begins with '/', as routes compare it: percent-escapes decoded, but %2F, %5C and
 * %25 stay (in upper case), so that none becomes a separator or another escape; runs of '/' are
 * one; dot segments are resolved.  Returns an absent string for a path that must be refused: %00,
 * an escape that is no hex pair, or dot segments that lead above the root.  The result lives in
 * `arena`, or is `path` itself when that is already normal.
 */
struct str target_normalise(struct arena *arena, struct str path);

#endif
