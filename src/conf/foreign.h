/*
 * foreign.h - the words of other servers' configurations, and what they are called here.
 */
#ifndef USHERD_CONF_FOREIGN_H
#define USHERD_CONF_FOREIGN_H

#include "base/str.h"

/* What a key or section of nginx or HAProxy is here, as text for a message; NULL: not known. */
const char *conf_foreign(struct str word);

#endif
