/*
 * forward_internal.h - what forward.c and forward_response.c share.
 */
#ifndef USHERD_PROXY_FORWARD_INTERNAL_H
#define USHERD_PROXY_FORWARD_INTERNAL_H

#include "http/back.h"
#include "net/timer.h"
#include "proxy/backend.h"
#include "proxy/exchange.h"

enum {
	KEEP_MAX = 65536,		/* of a request body, to send it again */
	RESPONSE_HEAD_MAX = 65536,
};

struct forward {
	struct exchange *x;
	struct backend *backend;
	struct server *server;		/* whose place is taken; NULL: none */
	struct back_stream *back;	/* NULL: none open */
	struct back_limits limits;
	struct backend_request choice;	/* what backend_take() goes by */
	struct attempt *attempt;	/* the current one */
	unsigned retries;		/* left */
	struct chain kept;		/* the request body so far, while it may be sent again */
	bool replayable;		/* `kept` is all of it */
	bool connected;
	bool request_ended;
	bool response_ended;
	bool waits_for_continue;	/* Expect: 100-continue, and nobody has said it yet */
	bool fresh_only;		/* a pooled connection broke: take a new one */
	const struct fields *trailers;
	uint64_t owed_request;		/* credit that the client gets when the server takes more */
	uint64_t owed_response;		/* and the other way round */
	struct timer continue_timer;
};

/* forward.c */

/* Takes a server and sends it the request, or fails the exchange. */
void forward_try(struct forward *f);

/* The stream is over: gives the server's place back and closes the attempt. */
void forward_release(struct forward *f);

/* Gives the client the credit that was held back while the server took nothing. */
void forward_pay(struct forward *f);

/* The client may send its body now. */
void forward_want_request(struct forward *f);

/* forward_response.c */
extern const struct back_stream_events forward_events;

#endif
