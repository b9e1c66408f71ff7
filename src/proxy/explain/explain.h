/*
 * explain.h - what would happen to a request, and why, without sending anything.
 *
 * The request goes the way of one that came over a connection: h1_scan, h1_parse, request_check and
 * the steps of an exchange, up to the source.  Only the connection is not there, and neither are
 * servers, shared memory and logs.
 */
#ifndef USHERD_PROXY_EXPLAIN_H
#define USHERD_PROXY_EXPLAIN_H

#include "base/buf.h"
#include "proxy/exchange.h"
#include "proxy/explain/explain_question.h"
#include "proxy/route/route.h"

/* What came out. */
struct explained {
	struct runtime *runtime;
	const struct explain_question *question;
	struct exchange *x;
	struct route_choice runner_up;	/* route NULL: there is none */
	bool answered;			/* a head was sent: x->response */
	struct buf *out;
};

/* The work of proxy_explain(); `rt` has all that workers have but loop, servers and memory. */
int explain_run(struct runtime *rt, const struct explain_question *q, struct buf *out);

/* Writes it down. */
void explain_write(const struct explained *e);

/* Why the route that was chosen goes before the runner-up, in words, in the arena. */
struct str explain_reason(const struct explained *e, struct arena *arena);

/* How a request came to its host, in words. */
const char *explain_host(const struct exchange *x);

#endif
