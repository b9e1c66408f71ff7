/*
 * idn.h - host names beyond ASCII as the A-labels that stand in requests (RFC 5890).
 */
#ifndef USHERD_CONF_IDN_H
#define USHERD_CONF_IDN_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* True if the text has bytes beyond ASCII. */
bool idn_is_needed(struct str name);

/*
 * The name with each label that needs it as an A-label (`xn--...`, RFC 3492), in the arena.
 * Capitals of Latin, Greek and Cyrillic become small; other mappings of Unicode are not known, so
 * the result is a proposal.  Absent when the name is no UTF-8, is too long, or has combining marks,
 * which would have to be composed first.
 */
struct str idn_to_ascii(struct arena *arena, struct str name);

#endif
