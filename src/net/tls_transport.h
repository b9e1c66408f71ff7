/*
 * tls_transport.h - a TLS connection, as the files of both sides share it.
 *
 *	socket ─recv─► shared buffer ─BIO─► OpenSSL ─► recv(iov)
 *	socket ◄─send─ shared buffer ◄─BIO─ OpenSSL ◄─ send(chain)
 *
 * The buffers are the process's: a connection keeps bytes of its own only while some are left over.
 * tls_enter() and tls_leave() stand around whatever calls OpenSSL for a connection.
 */
#ifndef USHERD_NET_TLS_TRANSPORT_H
#define USHERD_NET_TLS_TRANSPORT_H

#include <openssl/ssl.h>

#include "net/tls_client.h"
#include "net/tls_server.h"
#include "net/transport.h"

struct tls_conn;

/* What differs between towards clients and towards servers. */
struct tls_role {
	bool server;
	int (*begin)(struct tls_conn *c);	/* makes c->ssl: 1, IO_AGAIN, IO_ERROR */
	void (*finished)(struct tls_conn *c);	/* the handshake is complete */
	/* Adds what it knows to the text of a failure; may be NULL. */
	void (*explain)(struct tls_conn *c, char text[TLS_ERROR_TEXT]);
};

/* Bytes that wait; p is NULL while there are none. */
struct tls_bytes {
	char *p;
	uint32_t pos;
	uint32_t end;
};

struct tls_conn {
	struct transport *transport;
	const struct tls_role *role;
	SSL *ssl;			/* NULL until the handshake begins */
	void (*on_ready)(struct watcher *);	/* the owner's */
	union {
		struct task late;	/* sends what was held back for the owner's bytes */
		struct garbage garbage;	/* once closed */
	};
	struct tls_bytes in;		/* from the socket, not yet in OpenSSL */
	struct tls_bytes out;		/* from OpenSSL, not yet in the socket */
	size_t owed;			/* encrypted, but still in the owner's chain */
	uint32_t run_bytes;		/* sent since the peer last said something */
	uint32_t vain_bytes;		/* come since the owner last got some */
	int error;			/* errno of all later calls; 0: sound */
	bool eof;			/* the socket said so */
	bool heard;			/* a byte came */
	bool blocked;			/* the socket was full: `out` waits for it */
	bool shut_after;		/* shut the socket down when `out` has gone */
	bool plain_http;
	bool verify_failed;
	bool late_again;
	bool held;			/* tickets in `out` wait for what the owner sends next */
	bool dry;			/* the socket had no more, and no event has come since */
	char *failure;			/* text for the log, or NULL */
	char *name;			/* the server's, lower case; NULL: none */
	char *identity;			/* texts of a certificate, which info points into */
	union {
		const struct tls_listener *listener;	/* of role server */
		struct tls_client *client;
	};
	struct tls_info info;
};

extern const struct transport_ops tls_ops;

/* Puts a connection behind the transport, whose watcher is registered. */
struct tls_conn *tls_conn_new(struct transport *t, const struct tls_role *role);

/* Makes c->ssl over the connection's socket; false with a failure noted. */
bool tls_conn_start(struct tls_conn *c, SSL_CTX *ctx);

/* Notes a failure; the first one counts.  `errnum` is what calls will say; text "" if it was no
 * matter of TLS. */
void tls_fail(struct tls_conn *c, int errnum, const char *text);

/* --- tls_io.c: between OpenSSL and the socket ----------------------------------------------- */

/* The shared buffers are this connection's from here to tls_leave(). */
void tls_enter(struct tls_conn *c);

/* Keeps what is left over and sends what OpenSSL wrote, unless `hold`: then it goes with the next
 * bytes.  Sets READY_READ according to whether another read may find something. */
void tls_leave(struct tls_conn *c, bool hold);

/* Sends all that is there; false if some stayed (c->blocked; READY_WRITE cleared) or it failed. */
bool tls_flush(struct tls_conn *c);

/* Puts bytes behind those that OpenSSL wrote. */
bool tls_put(struct tls_conn *c, const void *p, size_t n);

/* Room for what OpenSSL writes before it has to be sent. */
size_t tls_out_room(void);

/* Bytes from the socket that OpenSSL has not taken. */
struct str tls_input(const struct tls_conn *c);

/* The same for whoever makes them fewer, and then tells by tls_input_cut() how many are left. */
uint8_t *tls_input_bytes(struct tls_conn *c, size_t *n);
void tls_input_cut(struct tls_conn *c, size_t n);

/* Reads once from the socket and adds to them; false if nothing came. */
bool tls_input_more(struct tls_conn *c);

void tls_input_drop(struct tls_conn *c);

/* The owner wants `n` bytes now: no more is read from the socket than these take, as a connection
 * keeps what is left over, maybe for long. */
void tls_input_wanted(size_t n);

/* True if the socket has no more either. */
bool tls_input_is_over(const struct tls_conn *c);

/* Joins an SSL to the shared buffers; false without memory. */
bool tls_set_bio(SSL *ssl);

/* The connection that entered, for callbacks out of OpenSSL. */
struct tls_conn *tls_current(void);

/* --- tls_info.c, tls_server.c --------------------------------------------------------------- */

/* Fills c->info after the handshake. */
void tls_info_fill(struct tls_conn *c);

/* Refuses a handshake for another name than the one the context was chosen by. */
int tls_check_server_name(SSL *ssl, int *alert, void *arg);

#endif
