/*
 * idn.h - internationalised host names as they stand in requests.
 */
#ifndef USHERD_CONF_IDN_H
#define USHERD_CONF_IDN_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* True if the text has bytes beyond ASCII. */
bool idn_is_needed(struct str name);

/*
 * The name in lower case with its labels beyond ASCII as A-labels (`xn--...`; IDNA2008 with the
 * mappings of UTS 46, non-transitional), in the arena.  Absent when it is no UTF-8, or has letters
 * that no name may have, or becomes too long.
 */
struct str idn_to_ascii(struct arena *arena, struct str name);

#endif
