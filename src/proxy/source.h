/*
 * source.h - whatever answers a request: a backend, files, a fixed text, the admin pages.
 *
 * The sources of a route are asked in their order until one takes the request; see sources.h.  It
 * calls exchange_info(), exchange_head(), exchange_body(), exchange_end() in this order, or
 * exchange_fail() at any time; after exchange_end() or exchange_fail() it makes no more calls.
 */
#ifndef USHERD_PROXY_SOURCE_H
#define USHERD_PROXY_SOURCE_H

#include "base/chain.h"
#include "http/fields.h"

struct exchange;

enum source_start { SOURCE_TAKEN, SOURCE_DECLINED };

struct source {
	const char *name;

	/*
	 * Begins, or leaves the request to the next source; x->source_state is what
	 * exchange_set_source() was given.  The request head is complete, its body comes as far as
	 * exchange_want() asks.  In a dry run (x->runtime->dry) it finds out what it can without
	 * opening or asking anything.
	 */
	enum source_start (*start)(struct exchange *x);

	/* Bytes of the request body; NULL for a source that never asks for them. */
	void (*body)(struct exchange *x, struct chain *moved);

	/* The request body is complete. */
	void (*end)(struct exchange *x, const struct fields *trailers);

	/* What exchange_body() queued is with the kernel.  May be NULL. */
	void (*resume)(struct exchange *x);

	/*
	 * The exchange ends, whoever is to blame; also after the source's own end.  Frees all.  May
	 * be NULL.
	 */
	void (*cancel)(struct exchange *x);

	/*
	 * The fields of the request as a server would get them, whose Host is `server_host` with
	 * host_header = server, for --explain.  NULL: no server is asked.
	 */
	void (*fields)(struct exchange *x, struct str server_host, struct fields *out);
};

#endif
