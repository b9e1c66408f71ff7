/*
 * forward.h - the source that lets a server of a backend answer.
 *
 *	request body ─► exchange ─► forward_body() ─► fetch ─► server
 *	response ◄─ exchange_head(), exchange_body() ◄─ rules ◄─ fetch
 */
#ifndef USHERD_PROXY_FORWARD_H
#define USHERD_PROXY_FORWARD_H

#include "proxy/exchange.h"

extern const struct source source_forward;

/*
 * For sources that forward, but change more of request and response than source_forward: they call
 * forward_start() in their start(), and the functions below are their other members.  A member of
 * the rules that is NULL: as for source_forward.
 */
struct forward_rules {
	/* Trailers are dropped, both ways, so that a body that was buffered has a length. */
	bool no_trailers;

	/* The fields of the request, `out` being uninitialised; may set x->server_host. */
	void (*fields)(struct exchange *x, struct str server_host, struct fields *out);

	/*
	 * The final head: true if it may go to the client, changed as need be.  Else all that
	 * follows is for body() and end().
	 */
	bool (*head)(struct exchange *x, struct response *r);

	/* True if the bytes were taken. */
	bool (*body)(struct exchange *x, struct chain *moved);

	/* The response is over and its stream released.  True if the rest has been done. */
	bool (*end)(struct exchange *x);
};

/* Forwards the request to x->backend, as soon as its body is there with request_buffering. */
void forward_start(struct exchange *x, const struct forward_rules *rules, void *rules_state);

/* What forward_start() got. */
void *forward_rules_state(const struct exchange *x);

void forward_fields(struct exchange *x, struct str server_host, struct fields *out);
void forward_body(struct exchange *x, struct chain *moved);
void forward_end(struct exchange *x, const struct fields *trailers);
void forward_resume(struct exchange *x);
void forward_cancel(struct exchange *x);

#endif
