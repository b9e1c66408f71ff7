/*
 * status_html.h - the status as a page for people.
 */
#ifndef USHERD_PROXY_ADMIN_STATUS_HTML_H
#define USHERD_PROXY_ADMIN_STATUS_HTML_H

#include "base/buf.h"
#include "proxy/admin/status.h"

/* Appends the page: one file, no scripts, loads itself again every few seconds. */
void status_html(const struct status *s, struct buf *out);

#endif
