/*
 * forward_internal.h - what the files of forward have in common.
 *
 *	forward.c           the source: start, request body, end
 *	forward_attempt.c   one attempt: a stream to a server, the request on it
 *	forward_retry.c     which server, when: queues, retries
 *	forward_response.c  what the server says, and what if it fails
 */
#ifndef USHERD_PROXY_FORWARD_FORWARD_INTERNAL_H
#define USHERD_PROXY_FORWARD_FORWARD_INTERNAL_H

#include "http/back.h"
#include "net/timer.h"
#include "proxy/balance/backend.h"
#include "proxy/balance/sticky.h"
#include "proxy/exchange.h"

enum {
	KEEP_MAX = 65536,		/* of a request body, to send it again */
	REQUEST_WINDOW = 65536,		/* request bytes on their way at once */
	RESPONSE_WINDOW = 65536,
	SPLICE_WINDOW = 262144,		/* the same where bytes stay in the kernel */
};

/*
 * Between attempts a request waits for its turn in the queue of the backend, or for the end of a
 * pause.
 */
struct forward {
	struct exchange *x;
	struct backend *backend;
	struct server *server;		/* whose place is taken; NULL: none */
	struct back_stream *back;	/* NULL: none open */
	struct back_limits limits;
	struct backend_request choice;	/* what backend_take() goes by */
	struct sticky_cookie cookie;	/* that the client came with */
	struct attempt *attempt;	/* the current one */
	enum backend_outcome outcome;	/* of it, as far as is known */
	unsigned retries;		/* made so far */
	bool owes_retry;		/* to the budget, should the retry reach a server */
	struct waiter waiter;
	struct timer pause;		/* before a retry */
	struct chain kept;		/* the request body so far, while it may be sent again */
	bool replayable;		/* `kept` is all of it */
	bool asked;			/* the client has been asked for its body */
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

/* Asks the client for its body, once. */
void forward_ask(struct forward *f);

/* Gives the client the credit that was held back while the server took nothing. */
void forward_pay(struct forward *f);

/* The client may send its body now. */
void forward_want_request(struct forward *f);

/* Nothing will be sent again: what was kept for that goes. */
void forward_forget_body(struct forward *f);

/* forward_attempt.c */

/* Sends the request to f->server, in which a place is taken. */
void forward_begin(struct forward *f);

/* The stream is over: gives the server's place back and closes the attempt. */
void forward_release(struct forward *f);

/* Ends an attempt whose stream is still open. */
void forward_abandon(struct forward *f);

/* forward_retry.c */

void forward_retry_init(struct forward *f);

/* A new request: takes a server and sends it, or gets in line for one, or fails the exchange. */
void forward_try(struct forward *f);

/* The same for a request that has had its turn already, so it goes before those that wait. */
void forward_take(struct forward *f);

/*
 * Whether the request may go to a server once more: nothing has reached the client, and either the
 * server cannot have seen it, or its method says that it may see it twice.
 */
bool forward_may_repeat(const struct forward *f, bool unseen);

/* Whether a failure, one of enum conf_retry_on, is tried again: by retry_on, retries and
 * retry_budget, from which the retry is taken. */
bool forward_grants(struct forward *f, unsigned kind);

/* A granted retry is not made: it does not count. */
void forward_return_grant(struct forward *f);

/* Takes a place in a server that has not been tried; false if there is none. */
bool forward_take_other(struct forward *f);

/* A granted retry: at another server at once if it is the first one, else after a pause.  No place
 * may be taken but that of forward_take_other(). */
void forward_retry(struct forward *f);

/* No server could be reached: waits until one can, if the backend's queue is for that too. */
bool forward_wait_for_server(struct forward *f);

/* A server was reached. */
void forward_reached(struct forward *f);

/* Ends a wait of either kind. */
void forward_stop_waiting(struct forward *f);

/* forward_response.c */
extern const struct back_stream_events forward_events;

#endif
