/*
 * foreign.h - the words of other servers' configurations, and what they are called here.
 */
#ifndef USHERD_CONF_FOREIGN_H
#define USHERD_CONF_FOREIGN_H

#include "conf/document.h"

/* What a key or section of nginx or HAProxy is here, as text for a message; NULL: not known. */
const char *conf_foreign(struct str word);

/* What a key is that stands in a section of this kind, where it means something else or nothing. */
const char *conf_misplaced(enum conf_kind kind, struct str word);

#endif
