/*
 * status_html.h - the status as a page for people.
 */
#ifndef USHERD_PROXY_ADMIN_STATUS_HTML_H
#define USHERD_PROXY_ADMIN_STATUS_HTML_H

#include "proxy/admin/status_page.h"

/* One file, no scripts, loads itself again every few seconds. */
extern const struct status_format status_html;

#endif
