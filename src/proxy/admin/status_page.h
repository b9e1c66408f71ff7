/*
 * status_page.h - a status page that is written in pieces.
 *
 *	admin.c ─► status_page_piece() ─► step() of metrics_text.c, status_json.c, status_html.c
 *	                                    └► status_walk: the objects of one section
 */
#ifndef USHERD_PROXY_ADMIN_STATUS_PAGE_H
#define USHERD_PROXY_ADMIN_STATUS_PAGE_H

#include "base/buf.h"
#include "proxy/admin/status.h"

struct status_page;

struct status_format {
	struct str type;		/* of media */

	/* Appends what the next step has, maybe nothing; false when the page is complete. */
	bool (*step)(struct status_page *p, struct buf *out);
};

/* Where the writing stands; all but the first two are the format's, and zero at first. */
struct status_page {
	const struct status_format *format;
	struct status status;
	struct status_walk walk;	/* through the objects of a section */
	struct status_walk servers;	/* through those of a backend, for JSON */
	unsigned section;		/* a metric, an array, a table: 1 is the first */
	bool has_objects;		/* of this section, one is written */
	bool in_backend;		/* `servers` is not at its end, ... */
	bool has_servers;		/* ... and one is written */
	struct buf labels;		/* for metrics, whose they are */
};

/* `rt` must outlive it. */
struct status_page *status_page_new(const struct runtime *rt, const struct status_format *format);
void status_page_free(struct status_page *p);

/* Appends the next piece, of about 64 KiB and a millisecond; false when the page is complete. */
bool status_page_piece(struct status_page *p, struct buf *out);

#endif
