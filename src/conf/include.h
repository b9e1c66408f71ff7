/*
 * include.h - the files that `include` in [global] names.
 */
#ifndef USHERD_CONF_INCLUDE_H
#define USHERD_CONF_INCLUDE_H

#include "conf/document.h"

/*
 * Calls `read_file` for each file that the `include` lines read so far name, in the order of the
 * lines and sorted within a pattern; their paths are relative to the directory of the file that
 * the line stands in.  Lines that these files add are followed too.  A file that would be read
 * twice (`main` among them), and a name without wildcards that does not exist, are errors.
 */
void conf_include(struct conf_document *d, const char *main,
    void (*read_file)(void *arg, const char *file), void *arg);

#endif
