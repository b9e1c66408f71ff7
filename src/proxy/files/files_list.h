/*
 * files_list.h - the page that shows what is in a directory.
 */
#ifndef USHERD_PROXY_FILES_FILES_LIST_H
#define USHERD_PROXY_FILES_FILES_LIST_H

#include "proxy/files/files_find.h"

/*
 * Starts the source that answers with the list of found->fd, a directory, which is closed: regular
 * files and directories that could be asked for, with their sizes and dates; FILES_ENTRIES_MAX at
 * most, and then it says so.  A big one is refused when those in flight hold too much memory.
 */
void files_list(struct exchange *x, const struct files_site *site,
    const struct files_found *found);

#endif
