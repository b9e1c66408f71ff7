/*
 * fetch_internal.h - what the files of fetch have in common.
 *
 *	fetch.c           start, request body, end
 *	fetch_attempt.c   one attempt: a stream to a server, the request on it
 *	fetch_retry.c     which server, when: queues, retries
 *	fetch_response.c  what the server says, and what if it fails
 */
#ifndef USHERD_PROXY_FETCH_INTERNAL_H
#define USHERD_PROXY_FETCH_INTERNAL_H

#include "proxy/fetch/fetch.h"

enum {
	FETCH_KEEP_MAX = 65536,		/* of a request body, to send it again */
	FETCH_HOLD_MAX = 65536,		/* of a response body, should no other answer be better */
};

/* fetch.c */

/* Gives the client what credit its window has. */
void fetch_want_request(struct fetch *f);

/* The same for the server. */
void fetch_want_response(struct fetch *f);

/* Nothing will be sent again: what was kept for that goes. */
void fetch_forget_body(struct fetch *f);

/* fetch_attempt.c */

/* Sends the request to f->server, in which a place is taken. */
void fetch_begin(struct fetch *f);

/* The stream is over: gives the server's place back and closes the attempt. */
void fetch_release(struct fetch *f);

/* Ends an attempt whose stream is still open. */
void fetch_abandon(struct fetch *f);

/* The stream is over, as its kept connection had ended: this was no attempt, and the same server
 * is asked over a new connection. */
void fetch_use_fresh(struct fetch *f);

/* fetch_retry.c */

void fetch_retry_init(struct fetch *f);

/* The first server: takes it, or gets in line for it, or fails. */
void fetch_try(struct fetch *f);

/*
 * Whether the request may go to a server once more: nothing has reached the owner, and either the
 * server cannot have seen it, or its method says that it may see it twice.
 */
bool fetch_may_repeat(const struct fetch *f, bool unseen);

/*
 * Whether a failure, one of enum conf_retry_on, is tried again: if a server is left that was not
 * asked yet, and by retry_on, retries and retry_budget, from which the retry is taken.
 */
bool fetch_grants(struct fetch *f, unsigned kind);

/* A granted retry: at once if it is the first one, else after a pause. */
void fetch_retry(struct fetch *f);

/* No server could be reached: waits until one can, if the backend's queue is for that too. */
bool fetch_wait_for_server(struct fetch *f);

/* A server was reached. */
void fetch_reached(struct fetch *f);

/* Ends a wait of either kind. */
void fetch_stop_waiting(struct fetch *f);

/* fetch_response.c */

extern const struct back_stream_events fetch_back_events;

/* The answer that comes to be held takes too long: another server is asked without it. */
void fetch_drop_held(struct fetch *f);

/* All is over: the owner gets the answer that was held, or hears of f->failure. */
void fetch_give_up(struct fetch *f);

#endif
