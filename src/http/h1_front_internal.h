/*
 * h1_front_internal.h - what h1_front.c, h1_input.c, h1_input_body.c and h1_stream.c share.
 */
#ifndef USHERD_HTTP_H1_FRONT_INTERNAL_H
#define USHERD_HTTP_H1_FRONT_INTERNAL_H

#include "http/h1_body.h"
#include "http/h1_front.h"
#include "http/h1_write.h"
#include "net/stall.h"
#include "net/transport.h"

enum front_state {
	FRONT_PROXY,		/* a PROXY header must come first */
	FRONT_HANDSHAKE,	/* of TLS */
	FRONT_IDLE,		/* no byte of a request has come */
	FRONT_HEAD,		/* a head is incomplete */
	FRONT_BUSY,		/* a stream is open */
	FRONT_LINGER,		/* all is said; what still comes is thrown away */
	FRONT_CLOSED,
};

/* How the bytes of a response body are written. */
enum out_mode { OUT_NONE, OUT_LENGTH, OUT_CHUNKED, OUT_CLOSE, OUT_TUNNEL };

struct h1_stream {
	struct http_stream base;
	struct h1_front *front;
	struct h1_body body;
	uint64_t credit;		/* of want_body() */
	uint64_t out_left;		/* with OUT_LENGTH */
	msec read_deadline_ms;
	msec silent_deadline_ms;	/* a client that has closed its side counts as gone then */
	struct stall sending;		/* a client that does not take what waits for it */
	msec wanted_since_ms;		/* more of the body is wanted since then; 0: it is not, or
					 * none has come yet */
	msec wanted_ms;			/* time for which they were wanted before */
	enum out_mode out_mode;
	bool queued;			/* send_body() said so: `drained` is to follow */
	bool end_sent;
	bool shut;			/* tunnel: our side is shut down */
	bool close_after;
	bool dead;			/* `gone` or `done` was called: no more events */
};

struct h1_front {
	struct transport transport;
	struct timer timer;
	struct task work;
	struct garbage garbage;
	const struct h1_front_options *options;
	struct h1_stream *stream;	/* with FRONT_BUSY */
	struct block *in;		/* bytes read and not used: pos to end */
	uint32_t pos;
	uint32_t end;
	struct h1_scan *scan;		/* of an incomplete head; else NULL */
	struct chain out;
	struct http_peer peer;
	uint8_t state;			/* enum front_state */
	uint8_t burst;			/* requests served without going back to the loop */
	uint64_t turn_bytes;		/* body bytes read without going back to the loop */
	uint8_t empty_lines;		/* skipped before the next head */
	int64_t head_start_us;
};

extern const struct http_stream_ops h1_stream_ops;

/* h1_front.c: the connection. */

void h1_front_set_timer(struct h1_front *f, msec deadline);

/* The client will send no more than what has come. */
static inline bool
h1_front_half_closed(const struct h1_front *f)
{
	return transport_is_half_closed(&f->transport);
}

/* Nobody reads from a client whose request is complete: looks whether it closes its side. */
void h1_front_look(struct h1_front *f);

/* Recomputes the timer of a busy connection. */
void h1_front_arm(struct h1_front *f);

/* Closes at once; an open stream hears nothing.  Memory goes after the batch of events. */
void h1_front_close(struct h1_front *f, bool reset);

/* The same; the stream hears `gone` with `refusal`, by default that the client closed. */
void h1_front_lost(struct h1_front *f, bool reset, const struct refusal *refusal);

/* Tells the stream's user that the request failed; the stream may still answer. */
void h1_front_gone(struct h1_front *f, const struct refusal *refusal);

/* All is said: shuts our side down, and closes when the client has done so, or does not in time. */
void h1_front_linger(struct h1_front *f);

/* The stream is complete: goes on with the connection. */
void h1_front_finish(struct h1_front *f);

/* h1_handshake.c: TLS. */

/* The connection begins with a handshake; `early` are bytes of it that came already. */
void h1_front_start_tls(struct h1_front *f, struct str early);

/* Goes on with the handshake, and with the first request when it is complete. */
void h1_front_handshake(struct h1_front *f);

/* Logs why TLS failed, if it did after the handshake. */
void h1_front_tell_tls(const struct h1_front *f);

/* The handshake takes too long. */
void h1_front_handshake_timeout(struct h1_front *f);

/* h1_input.c: reading. */

static inline size_t
h1_front_buffered(const struct h1_front *f)
{
	return f->end - f->pos;
}

static inline char *
h1_front_unread(const struct h1_front *f)
{
	return f->in->data + f->pos;
}

/* Gives the input block back. */
void h1_front_drop_input(struct h1_front *f);

/* Reads and does what the state asks for. */
void h1_front_input(struct h1_front *f);

/*
 * Opens a stream: for the complete head that `scan` describes, or for a bad one, `refusal` telling
 * what to answer.  After a bad one the connection is not read any more.
 */
void h1_front_begin(struct h1_front *f, const struct h1_scan *scan, const struct refusal *refusal);

/* h1_input_body.c: the request body. */

bool h1_front_wants_body(const struct h1_front *f);

/* Reads as much of the body as there is credit for. */
void h1_front_input_body(struct h1_front *f);

/* h1_stream.c: sends what is queued; ends the stream when all is out. */
void h1_stream_flush(struct h1_front *f);

#endif
