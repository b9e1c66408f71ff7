/*
 * expand.h - what stands for something outside the file: ${NAME} and @/path.
 */
#ifndef USHERD_CONF_EXPAND_H
#define USHERD_CONF_EXPAND_H

#include "conf/document.h"

/*
 * Puts in the environment for ${NAME} (capitals), or the content of the file when the whole value
 * is `@/path`; a line end at the content's end is dropped.  With `dollars`, `$$` becomes `$`;
 * without, it stays for the template compiler.  Returns `raw` itself when there is nothing to do,
 * and an absent string after an error, then `*why` says what is wrong.
 */
struct str conf_expand(struct conf_document *d, struct str raw, bool dollars, const char **why);

#endif
