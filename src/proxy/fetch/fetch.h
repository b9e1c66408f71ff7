/*
 * fetch.h - asks a server of a backend: one request, and attempts until a server answers.
 *
 *	fetch_start() ─► a place ─► back_stream ─► server ─► head(), body(), end()
 *	            └─► queue ──▲       └─ fails ─► another server, perhaps after a pause
 *	                                └─ no other is left ─► failed()
 *
 * A fetch knows neither exchange nor client: whoever needs something of a backend fills one in,
 * such as the source that forwards, or a mirror.  It belongs to its owner and lives no shorter than
 * its arena.  Flow control is that of http/stream.h.
 */
#ifndef USHERD_PROXY_FETCH_H
#define USHERD_PROXY_FETCH_H

#include "http/back.h"
#include "net/timer.h"
#include "proxy/attempts.h"
#include "proxy/balance/backend.h"
#include "proxy/fetch/window.h"

struct runtime;

/* Why no server answered. */
struct fetch_failure {
	int status;			/* for the client: 502, 503, 504 */
	const char *why;		/* the fixed word for logs */
	const char *text;		/* says more; lives as long as the arena */
	int64_t retry_after_s;		/* when it may be worth to ask again; 0: unknown */
};

struct fetch_events {
	/* The fields for the server that is about to be asked, whose Host is `server_host` with
	 * host_header = server.  Called for each attempt. */
	void (*fields)(void *user, struct str server_host, struct fields *out);

	/* The server takes so many more bytes of the request body; first when it is asked. */
	void (*want)(void *user, uint64_t bytes);

	/* An interim response but 101. */
	void (*info)(void *user, struct response *r);

	/* The final head, or 101: then fetch_tunnel() may follow.  Nothing is tried again. */
	void (*head)(void *user, struct response *r);

	/* Unless FLOW_OK, no credit is given to the server before fetch_resume(). */
	enum flow (*body)(void *user, struct chain *moved);

	/* The answer to what fields() was called for last is held: head() may be called with
	 * f->held, after others were asked.  May be NULL. */
	void (*hold)(void *user);

	/* The response is complete, and the server's place given back. */
	void (*end)(void *user, const struct fields *trailers);

	/* No server answered, or a response broke off: there are no more events. */
	void (*failed)(void *user, const struct fetch_failure *failure);
};

struct fetch {
	/* The owner's, to be filled in between fetch_init() and fetch_start(). */
	const struct fetch_events *events;
	void *user;
	struct runtime *runtime;
	struct arena *arena;
	const struct request *request;	/* method, framing and length, upgrade */
	struct str target;
	const struct conf_backend *conf;
	const struct conf_policy *policy;	/* its times and its number of retries */
	struct http_stream *client;	/* whom servers hear of in a PROXY header */
	struct attempts *log;		/* where attempts are noted; NULL: nowhere */
	struct backend_request choice;	/* what the choice of a server goes by */
	struct chain kept;		/* of the request body: what has come already */
	const struct fields *trailers;	/* of a request that is complete */
	bool request_ended;		/* it is */
	bool once;			/* one attempt, if a server has a place right now */
	unsigned sink_takes;		/* SEG_ kinds that events->body() takes besides SEG_MEM */

	/* The fetch's. */
	struct backend *backend;
	struct server *server;		/* whose place is taken; NULL: none */
	struct back_stream *back;	/* NULL: none open */
	struct back_limits limits;
	struct attempt *attempt;	/* the current one; NULL: none */
	enum backend_outcome outcome;	/* of it, as far as is known */
	struct fetch_failure failure;	/* of the last one that failed */
	struct waiter waiter;		/* in the queue of the backend */
	struct timer pause;		/* before a retry; of an answer that is held: its end */
	struct response *held;		/* an answer for the client, should no other be better */
	struct chain held_body;
	const struct fields *held_trailers;
	unsigned retries;		/* made so far */
	uint64_t sent;			/* of the request body, in this attempt */
	struct window window;		/* of the request body towards the server */
	struct window response_window;
	bool owes_retry;		/* to the budget, should the retry reach a server */
	bool replayable;		/* `kept` is all of the request body so far */
	bool asked;			/* for the request body */
	bool connected;
	bool fresh_only;		/* a pooled connection broke: take a new one */
	bool holding;			/* the response that comes is to be held */
	bool reached;			/* a server took a new connection */
	bool answered;			/* head() was called */
	bool response_ended;
	bool tunnel;
	bool cancelled;			/* no event comes any more */
};

/* Empty. */
void fetch_init(struct fetch *f);

/* Takes a server and sends the request, or gets in line for one.  Events may come at once. */
void fetch_start(struct fetch *f);

/* Bytes of the request body, and its end. */
void fetch_body(struct fetch *f, struct chain *moved);
void fetch_end(struct fetch *f, const struct fields *trailers);

/* SEG_ kinds that fetch_body() passes on without a copy, besides SEG_MEM: none as long as the body
 * is kept to be sent again. */
unsigned fetch_takes(const struct fetch *f);

/* Bytes of the request body that fetch_body() got and the socket did not yet. */
uint64_t fetch_backlog(const struct fetch *f);

/* What body() queued has been taken. */
void fetch_resume(struct fetch *f);

/* In head(): other SEG_ kinds than `sink_takes` said. */
void fetch_set_sink(struct fetch *f, unsigned kinds);

/* After a 101 head: from now on body calls carry the bytes of both directions. */
void fetch_tunnel(struct fetch *f);

/* Ends everything that is under way; no event comes any more.  Also after the end, also twice. */
void fetch_cancel(struct fetch *f);

#endif
