/*
 * options.h - the words `name=value` behind a value: each has a row, as directives have.
 */
#ifndef USHERD_CONF_OPTIONS_H
#define USHERD_CONF_OPTIONS_H

#include "conf/settings.h"
#include "conf/snapshot.h"
#include "conf/table.h"

enum { CONF_OPTIONS = 32 };	/* rows of a table at most */

/*
 * Reads the words from number `first` on into the structure at `place`: a row has the key, parser,
 * range and offset of an option; one without a parser is a word alone, and sets a bool.  False
 * after conf_bad(): messages begin with the key of the line and that of the option.
 */
bool conf_options(struct conf_parse *c, const struct conf_strs *words, unsigned first,
    const struct conf_directive *rows, unsigned nrows, void *place);

#endif
