/*
 * stream.h - the waist: one request and its response as everything above http/ sees them.
 *
 *	         up: body, end, drained, gone
 *	    ┌──────────────────────────────────┐
 *	http_stream (HTTP/1, later HTTP/2)   exchange
 *	    └──────────────────────────────────┘
 *	         down: send_info, send_head, send_body, send_end, want_body, tunnel, abort
 *
 * Flow control is part of the interface.  Upwards: body bytes arrive only against credit given by
 * want_body(); those in a pipe (SEG_PIPE) may be more, as they take no memory of ours.  Downwards:
 * send_body() says QUEUED, or FULL when STREAM_HIGH bytes are queued or some wait for a full
 * socket; after either `drained` fires once, when none are left.  Calls down may be made from any
 * callback; nothing is written before the callback returns, so a head and a small body leave in one
 * system call.
 *
 * A client that has closed its side may wait for its answer, or have gone: it is believed to wait
 * as long as something is sent to it at least once in half_close_timeout_ms.
 */
#ifndef USHERD_HTTP_STREAM_H
#define USHERD_HTTP_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/arena.h"
#include "base/chain.h"
#include "http/message.h"

enum { STREAM_HIGH = 65536 };

enum flow {
	FLOW_OK,			/* nothing of it is queued: nobody will see it */
	FLOW_QUEUED,
	FLOW_FULL,
};

struct http_stream;
struct tls_info;

struct http_stream_ops {
	/* Sends an interim response (1xx but 101). */
	void (*send_info)(struct http_stream *s, const struct response *r);

	/*
	 * Sends the final head, or 101 before tunnel().  Framing and connection fields are the
	 * stream's affair: r->framing and r->content_length say what is known of the body.
	 */
	void (*send_head)(struct http_stream *s, const struct response *r);

	enum flow (*send_body)(struct http_stream *s, struct chain *moved);

	/* The body is complete.  Trailers may be NULL.  In a tunnel: no more for the client. */
	void (*send_end)(struct http_stream *s, const struct fields *trailers);

	/* Credit for `bytes` more of the request body. */
	void (*want_body)(struct http_stream *s, uint64_t bytes);

	/* After a 101 head: from now on body calls carry the raw bytes of both directions. */
	void (*tunnel)(struct http_stream *s);

	/* Fills peer->local, which costs a system call. */
	void (*find_local)(struct http_stream *s);

	/*
	 * Ends the stream so that the client can tell that the response is not complete.  No more
	 * callbacks.
	 */
	void (*abort)(struct http_stream *s);
};

/* What the exchange hears. */
struct http_stream_events {
	void (*body)(void *user, struct chain *moved);

	/* The body is complete; not called for a request without one.  Trailers (may
	 * be NULL) live as long as the stream. */
	void (*end)(void *user, const struct fields *trailers);

	void (*drained)(void *user);

	/*
	 * The client is gone, too slow, or its body is malformed, as `refusal` (never NULL) says.
	 * With a status not 0, and no head sent yet, that status can still be answered; else the
	 * stream is over: it calls nothing more.
	 */
	void (*gone)(void *user, const struct refusal *refusal);

	/* The response is written out to its last byte: the exchange is over; its memory goes when
	 * the callback returns. */
	void (*done)(void *user);
};

/* Facts about the connection, the same for all its streams. */
struct http_peer {
	struct ip_port peer;		/* who is connected to us */
	struct ip_port client;		/* after the PROXY protocol, before X-Forwarded-For */
	struct ip_port local;		/* where it reached us; see http_stream_local() */
	const struct tls_info *tls;	/* net/tls_server.h; NULL: not encrypted */
	bool proxied;			/* a PROXY header named the client */
	unsigned requests;		/* so far on this connection, this one included */
};

/* What a route allows a client. */
struct stream_limits {
	msec body_timeout_ms;		/* TIMER_NEVER: none */
	uint64_t body_min_rate;		/* bytes a second, 10 s after the first; 0: none */
	msec send_timeout_ms;
	msec half_close_timeout_ms;	/* for a client that has closed its side */
	msec tunnel_timeout_ms;
};

struct http_stream {
	const struct http_stream_ops *ops;
	const struct http_stream_events *events;	/* set by who takes the stream */
	void *user;
	struct arena arena;		/* lives as long as the stream */
	struct request request;
	const struct http_peer *peer;
	struct refusal refusal;		/* status 0, or: a bad request, answer this and no more */
	const struct stream_limits *limits;	/* set with the route; until then the front's own */
	unsigned takes;			/* SEG_ kinds that send_body() passes on without a copy */
	unsigned sink_takes;		/* SEG_ kinds that events->body() takes besides SEG_MEM */
	uint64_t bytes_in;		/* of the client: head and body as received */
	uint64_t bytes_out;		/* to the client: as handed to the kernel */
	uint64_t body_out;		/* body as taken by send_body(), some maybe still queued */
	int64_t start_us;		/* when the first byte of the request was seen */
	bool started;			/* send_head() has been called with a final status */
	bool body_done;			/* the whole request body has been handed up */
};

/* The address at which the connection reached us. */
static inline const struct ip_port *
http_stream_local(struct http_stream *s)
{
	if (s->peer->local.family == 0 && s->ops != NULL)
		s->ops->find_local(s);
	return &s->peer->local;
}

#endif
