/*
 * status_page.c - a status page that is written in pieces.
 */
#include "proxy/admin/status_page.h"

#include "base/mem.h"

enum {
	PIECE_BYTES = 65536,		/* to format them takes half a millisecond */
	PIECE_STEPS = 1024,		/* where objects have little to say */
};

struct status_page *
status_page_new(const struct runtime *rt, const struct status_format *format)
{
	struct status_page *p = MEM_NEW(struct status_page);

	p->format = format;
	status_init(&p->status, rt);
	return p;
}

void
status_page_free(struct status_page *p)
{
	if (p == NULL)
		return;
	status_walk_fini(&p->walk);
	status_walk_fini(&p->servers);
	buf_fini(&p->labels);
	mem_free(p);
}

bool
status_page_piece(struct status_page *p, struct buf *out)
{
	size_t full = out->n + PIECE_BYTES;

	for (int i = 0; i < PIECE_STEPS && out->n < full; i++)
		if (!p->format->step(p, out))
			return false;
	return true;
}
