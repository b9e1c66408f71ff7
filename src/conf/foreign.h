/*
 * foreign.h - the words of other servers' configurations, and what they are called here.
 */
#ifndef USHERD_CONF_FOREIGN_H
#define USHERD_CONF_FOREIGN_H

#include "conf/document.h"

/* What a key or section of nginx, HAProxy or Caddy is here, for a message; NULL: not known. */
const char *conf_foreign(struct str word);

/* What a key is that stands in a section of this kind, where it means something else or nothing. */
const char *conf_misplaced(enum conf_kind kind, struct str word);

/* What a key asks for that this version does not do, such as "rate limits"; NULL: not known. */
const char *conf_foreign_missing(struct str word);

/* What to write instead of a variable of nginx, for a message; NULL: not known. */
const char *conf_foreign_variable(struct str name);

/*
 * Whose file it is, such as "an nginx.conf", that has this line, which has no `=`; NULL: it does
 * not look like that of another server.
 */
const char *conf_foreign_file(struct str line);

#endif
