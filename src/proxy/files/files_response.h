/*
 * files_response.h - the response that a file makes: conditions, ranges, its head.
 */
#ifndef USHERD_PROXY_FILES_FILES_RESPONSE_H
#define USHERD_PROXY_FILES_FILES_RESPONSE_H

#include "proxy/files/files_find.h"

/*
 * Answers with 200, 206, 304, 412 or 416, and sends what is asked for of the file, whose descriptor
 * it takes over.  x->source_state becomes its struct files_body when there are bytes to send.
 */
void files_respond(struct exchange *x, const struct files_site *site, struct str type,
    struct files_found *found);

#endif
