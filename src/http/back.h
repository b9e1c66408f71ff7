/*
 * back.h - the server-facing mirror of stream.h: one request and its response on a connection.
 *
 *	forward ─► back_stream (HTTP/1, later HTTP/2) ─► server
 *
 * Flow control as in stream.h: send_body() says QUEUED or FULL, `drained` follows; response bytes
 * arrive only against credit given by want_body().
 */
#ifndef USHERD_HTTP_BACK_H
#define USHERD_HTTP_BACK_H

#include "base/arena.h"
#include "base/chain.h"
#include "http/message.h"
#include "http/stream.h"

/* What went wrong with a server. */
enum back_failure {
	BACK_CONNECT,			/* no connection */
	BACK_CONNECT_TIMEOUT,
	BACK_CLOSED,			/* closed or reset before the response was complete */
	BACK_FIRST_BYTE_TIMEOUT,
	BACK_READ_TIMEOUT,
	BACK_WRITE_TIMEOUT,
	BACK_BAD_RESPONSE,
	BACK_TUNNEL_TIMEOUT,
	BACK_TLS,			/* no agreement in the TLS handshake */
	BACK_TLS_VERIFY,		/* the server is not who it should be */
};

struct back_stream;

struct back_stream_events {
	/* The connection is up, TLS handshake and all; not called for one that was up already. */
	void (*connected)(void *user);

	/* An interim response, but 101. */
	void (*info)(void *user, struct response *r);

	/* The final head, or 101: then tunnel() follows, at once or, if the request has not been
	 * sent whole, after send_end(); until then nothing more is read. */
	void (*head)(void *user, struct response *r);

	void (*body)(void *user, struct chain *moved);

	/* The response is complete; the stream is over unless send_end() is still to come.  It
	 * calls nothing more either way.  Trailers (may be NULL) live as long as the arena. */
	void (*end)(void *user, const struct fields *trailers);

	void (*drained)(void *user);

	/* The stream is over.  `text` says more; it lives until the callback returns. */
	void (*failed)(void *user, enum back_failure failure, const char *text);
};

/* What the request allows the server.  TIMER_NEVER: no limit. */
struct back_limits {
	msec connect_timeout_ms;
	msec first_byte_timeout_ms;
	msec read_timeout_ms;
	msec write_timeout_ms;
	msec tunnel_timeout_ms;
	size_t max_head;
};

struct back_stream_ops {
	/* Sends the head; framing says whether body calls follow. */
	void (*send_head)(struct back_stream *s, const struct fields *fields, struct str method,
	    struct str target, enum framing framing, uint64_t content_length, struct str upgrade);

	enum flow (*send_body)(struct back_stream *s, struct chain *moved);
	void (*send_end)(struct back_stream *s, const struct fields *trailers);
	void (*want_body)(struct back_stream *s, uint64_t bytes);
	void (*tunnel)(struct back_stream *s);

	/*
	 * After `end` and send_end() in a tunnel: what is queued is still sent, then the connection
	 * closes.  Nothing is called any more.
	 */
	void (*leave)(struct back_stream *s);

	/* Ends the stream early; nothing is called any more, the connection is not used again. */
	void (*cancel)(struct back_stream *s);
};

struct back_stream {
	/* The caller's. */
	const struct back_stream_events *events;
	void *user;
	const struct request *request;	/* what the response answers */
	struct arena *arena;		/* of the request: response heads live there, with all
					 * their strings */
	unsigned sink_takes;		/* SEG_ kinds that events->body() takes besides SEG_MEM;
					 * may be 0, and change while the stream lives */

	/* The stream's. */
	const struct back_stream_ops *ops;
	const struct back_limits *limits;	/* as they were given to the one who made it */
	unsigned takes;			/* SEG_ kinds that send_body() takes */
	uint64_t bytes_in;		/* of the server */
	uint64_t bytes_out;
	bool reached;			/* the server may have some of the request */
	bool reused;			/* the connection has served a request before */
	bool got_bytes;			/* of the response */
};

#endif
