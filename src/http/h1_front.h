/*
 * h1_front.h - HTTP/1 connections of clients.
 *
 *	socket ─► input: head ─► h1_scan, h1_parse, request_check ─► on_stream
 *	                 body ─► h1_body ─► events.body
 *	socket ◄─ flush ◄─ out chain ◄─ h1_write ◄─ stream calls (h1_stream.c)
 *
 * One stream at a time; what a client pipelines waits in the socket or in the rest of the block.
 */
#ifndef USHERD_HTTP_H1_FRONT_H
#define USHERD_HTTP_H1_FRONT_H

#include <stdbool.h>

#include "base/addr.h"
#include "http/h1_parse.h"
#include "http/stream.h"
#include "net/loop.h"

struct h1_front;

/* What a listener wants of its connections; shared by all of them. */
struct h1_front_options {
	struct h1_limits limits;
	bool strict_names;		/* drop fields whose names have _ or . */
	bool proxy_protocol;
	const struct cidr *trusted;	/* who may send a PROXY header */
	unsigned ntrusted;
	msec header_timeout_ms;		/* TIMER_NEVER: none; likewise below */
	msec keepalive_timeout_ms;
	int64_t keepalive_requests;
	struct stream_limits stream_limits;	/* until a route sets others */
	const struct tls_listener *tls;	/* net/tls_server.h; NULL: not encrypted */
	msec handshake_timeout_ms;	/* until the first byte after PROXY header and handshake */

	/* With TLS: a handshake came to its end, well (then the session may be a resumed one) or
	 * not. */
	void (*on_handshake)(void *arg, bool done, bool resumed);

	/* A request: the taker sets s->events and s->user before it returns. */
	void (*on_stream)(void *arg, struct http_stream *s);

	/* The connection is closed; the pointer is valid until this returns. */
	void (*on_close)(void *arg, struct h1_front *f);

	void *arg;
	const bool *draining;		/* answer with Connection: close */
};

/*
 * Serves a new connection; the descriptor becomes the front's.  `options` must outlive it.  NULL
 * when the kernel will not watch it: then it is closed.  Callbacks come only from the loop, but for
 * on_stream, which may come before this returns.
 */
struct h1_front *h1_front_open(struct loop *loop, int fd, const struct sockaddr *peer,
    const struct h1_front_options *options);

/*
 * Takes the complete head that `scan` describes apart, checks the request and drops the names that
 * the options forbid.  False: s->refusal.
 */
bool h1_front_read(const struct h1_front_options *o, const char *head, const struct h1_scan *scan,
    struct http_stream *s);

#endif
