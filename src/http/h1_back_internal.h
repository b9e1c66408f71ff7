/*
 * h1_back_internal.h - what h1_back.c and h1_back_input.c share.
 */
#ifndef USHERD_HTTP_H1_BACK_INTERNAL_H
#define USHERD_HTTP_H1_BACK_INTERNAL_H

#include "base/buf.h"
#include "http/h1_back.h"
#include "http/h1_body.h"
#include "http/h1_parse.h"
#include "http/h1_write.h"
#include "net/stall.h"
#include "net/transport.h"

enum back_state {
	BACK_STATE_CONNECTING,
	BACK_STATE_HANDSHAKE,	/* of TLS */
	BACK_STATE_HEAD,	/* the response head has not come */
	BACK_STATE_SWITCH,	/* 101 has come, the request has not gone out whole */
	BACK_STATE_BODY,
	BACK_STATE_TUNNEL,
	BACK_STATE_IDLE,
	BACK_STATE_CLOSED,
};

struct h1_back {
	struct back_stream stream;
	struct transport transport;
	struct timer timer;
	struct task work;
	struct garbage garbage;
	struct link link;		/* the owner's, while idle */
	struct link age_link;		/* the same */
	struct h1_back_owner *owner;
	struct chain out;
	struct buf preface;		/* goes unencrypted before a TLS handshake */
	struct block *in;		/* bytes read and not used: pos to end */
	uint32_t pos;
	uint32_t end;
	struct h1_scan *scan;		/* of an incomplete head; else NULL */
	struct h1_body body;
	uint64_t credit;
	uint64_t turn_bytes;		/* body bytes read without going back to the loop */
	struct stall sending;		/* a server that does not take its request */
	msec idle_since_ms;
	msec idle_deadline_ms;
	msec keep_alive_ms;
	uint64_t interim_bytes;		/* of interim responses to this request */
	uint64_t attach_turn;		/* of the loop */
	unsigned requests;
	enum back_state state;
	bool chunked_out;
	bool end_sent;
	bool queued;			/* send_body() said so: `drained` is to follow */
	bool keep;			/* the server allows another request */
	bool shut;			/* tunnel: our side is shut down */
	bool send_failed;		/* the request could not be sent whole */
	bool eof;			/* tunnel: the server sends no more */
	bool idle;			/* with the owner */
	bool over;			/* the stream calls nothing any more */
};

/* h1_back_input.c: reads and hands up. */
void h1_back_input(struct h1_back *b);

/* h1_back.c */
void h1_back_arm(struct h1_back *b);
void h1_back_failed(struct h1_back *b, enum back_failure failure, const char *text);

/* The connection broke; errno says how, 0: ask the socket. */
void h1_back_lost(struct h1_back *b, const char *what);

#endif
