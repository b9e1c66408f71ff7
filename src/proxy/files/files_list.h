/*
 * files_list.h - the page that shows what is in a directory.
 */
#ifndef USHERD_PROXY_FILES_FILES_LIST_H
#define USHERD_PROXY_FILES_FILES_LIST_H

#include "proxy/files/files_find.h"

enum { FILES_LIST_MAX = 10000 };	/* entries on a page */

/* Answers with the list of found->fd, a directory, which is closed: regular files and directories
 * that could be asked for, with their sizes and dates. */
void files_list(struct exchange *x, const struct files_site *site, struct files_found *found);

#endif
