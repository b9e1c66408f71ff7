/*
 * h1_back.h - HTTP/1 connections to servers.
 *
 *	h1_back_connect() ─► BUSY ─► idle() ─► h1_back_attach() ─► BUSY ...
 *	                          └► closed()
 */
#ifndef USHERD_HTTP_H1_BACK_H
#define USHERD_HTTP_H1_BACK_H

#include "base/addr.h"
#include "http/back.h"
#include "net/loop.h"

struct h1_back;
struct tls_client;

/* What the owner of connections (a pool) hears. */
struct h1_back_owner {
	/* The response is complete and the connection can serve another request: keep it, or close
	 * it with h1_back_close(). */
	void (*idle)(struct h1_back_owner *owner, struct h1_back *b);

	/* The connection is gone; `b` is valid until this returns. */
	void (*closed)(struct h1_back_owner *owner, struct h1_back *b);

	/* New connections are encrypted (net/tls_client.h), and `tls_name` is the name that the
	 * server must prove; NULL: they are not. */
	struct tls_client *tls;
	struct str tls_name;

	bool bare_lf;			/* lines of a head may end with LF alone */
};

/*
 * Begins to connect, with a stream already on it: fill in the fields of the result that back.h
 * calls the caller's before the next turn of the loop.  `limits` must live as long as the stream.
 * NULL with errno when not even that works.
 */
struct back_stream *h1_back_connect(struct loop *loop, const struct addr *addr,
    struct h1_back_owner *owner, const struct back_limits *limits);

/* A new stream on an idle connection; as above. */
struct back_stream *h1_back_attach(struct h1_back *b, const struct back_limits *limits);

/* Puts bytes (a PROXY header) in front of everything else on a new connection, unencrypted. */
void h1_back_preface(struct back_stream *s, const void *p, size_t n);

/* Closes an idle connection; owner->closed is called. */
void h1_back_close(struct h1_back *b);

/* An idle connection is closed at this time; TIMER_NEVER for none. */
void h1_back_set_idle_deadline(struct h1_back *b, msec deadline_ms);

struct link *h1_back_link(struct h1_back *b);		/* for the owner's list of idle ones */
struct h1_back *h1_back_of_link(struct link *l);
struct link *h1_back_age_link(struct h1_back *b);	/* for another list of them, by age */
struct h1_back *h1_back_of_age_link(struct link *l);
bool h1_back_is_idle(const struct h1_back *b);		/* also while closed() is called for it */
unsigned h1_back_requests(const struct h1_back *b);	/* served so far */
msec h1_back_idle_since(const struct h1_back *b);
msec h1_back_keep_alive_ms(const struct h1_back *b);	/* the server's own limit; 0: not said */

#endif
