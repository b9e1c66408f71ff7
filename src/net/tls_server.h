/*
 * tls_server.h - TLS towards clients: whom a name belongs to, contexts, tickets.
 *
 *	ClientHello ─► choose(SNI) ─► tls_site (policy, certificates) ─► SSL_CTX ─► handshake
 */
#ifndef USHERD_NET_TLS_SERVER_H
#define USHERD_NET_TLS_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "net/tls_cert.h"
#include "net/transport.h"

enum tls_verify { TLS_VERIFY_OFF, TLS_VERIFY_OPTIONAL, TLS_VERIFY_ON };

/* How connections of a listener and host are made; compiled once, in the master. */
struct tls_policy;

struct tls_policy_options {
	int min_version;		/* TLS1_2_VERSION, TLS1_3_VERSION as 12, 13 */
	struct str ciphers;		/* of TLS 1.2; absent: AEAD suites, AES-128-GCM first */
	struct str ciphersuites;	/* of TLS 1.3 */
	struct str curves;
	enum tls_verify verify;
	struct str client_ca_pem;	/* absent: none */
	struct str client_crl_pem;
	bool tickets;
	const struct str *alpn;		/* protocols we speak, best first */
	unsigned nalpn;
	struct str listener;		/* part of the session id context */
};

/* NULL with the error's text, which begins with the directive that is wrong and a colon. */
struct tls_policy *tls_policy_new(const struct tls_policy_options *o, char error[TLS_ERROR_TEXT]);
void tls_policy_free(struct tls_policy *p);

/* True if a session of one may be resumed, and a request be served, under the other: same client
 * certificate mode, CA and CRL. */
bool tls_policy_same_clients(const struct tls_policy *a, const struct tls_policy *b);

/*
 * The certificates of this process by number.  A worker replaces one entry when the master sends a
 * new pair; contexts made with the old one are forgotten and live on only in open connections.
 */
struct tls_store;

struct tls_store *tls_store_new(unsigned n);
void tls_store_free(struct tls_store *s);
/* Takes a reference. */
void tls_store_set(struct tls_store *s, unsigned index, struct tls_cert *cert);
const struct tls_cert *tls_store_get(const struct tls_store *s, unsigned index);

/* What a server name stands for. */
struct tls_site {
	const struct tls_policy *policy;
	const unsigned *certs;		/* numbers in the store: RSA and ECDSA side by side */
	unsigned ncerts;
	void *host;			/* the chooser's own: handed back by tls_info */
};

/* The site for a server name (lower case; absent: the client sent none), or NULL: the handshake is
 * refused with unrecognized_name. */
typedef const struct tls_site *tls_choose(void *arg, struct str name);

/* One listener's side of it. */
struct tls_listener {
	tls_choose *choose;
	void *arg;
	struct tls_store *store;
};

/*
 * Ticket keys: `current` seals, current and the two before open.  The master fills them in (shared
 * memory, or derived from tls_ticket_secret and the time); workers read them at each use.
 */
enum { TLS_TICKET_KEYS = 3, TLS_TICKET_NAME = 16, TLS_TICKET_SECRET = 64 };

struct tls_ticket_key {
	uint8_t name[TLS_TICKET_NAME];
	uint8_t secret[TLS_TICKET_SECRET];	/* AES-256 key and HMAC-SHA256 key */
	int64_t begin_wall_ms;			/* 0: not set */
};

/* `read` copies a consistent set of keys, newest first.  Process-wide; once, before connections. */
void tls_tickets_use(bool (*read)(void *arg, struct tls_ticket_key out[TLS_TICKET_KEYS]),
    void *arg);

/* The key for the period that `wall_ms` is in, from a secret: HKDF (RFC 5869), periods of 12 h. */
void tls_ticket_derive(struct str secret, int64_t wall_ms, struct tls_ticket_key *out);

/* Takes over an accepted socket; as transport_open_plain().  The handshake happens inside recv and
 * send: until it is complete they say IO_AGAIN; IO_ERROR when it failed, and then
 * transport_tls_failure() says why. */
int transport_open_tls_server(struct transport *t, struct loop *loop, int fd,
    void (*on_ready)(struct watcher *), const struct tls_listener *l);

/* Goes over to TLS on a transport that is open as a plain one; `early` are bytes of the client that
 * were read already, behind a PROXY header. */
void transport_start_tls_server(struct transport *t, const struct tls_listener *l,
    struct str early);

/* Facts about a connection, for variables, routing and metrics. */
struct tls_info {
	bool ready;			/* the handshake is complete */
	bool resumed;
	struct str protocol;		/* "TLSv1.3" */
	struct str cipher;
	struct str server_name;		/* absent: none sent */
	struct str alpn;		/* absent: none agreed */
	void *host;			/* of the chosen site */
	const struct tls_policy *policy;
	struct str client_subject;	/* RFC 2253; absent: no certificate, or one that failed */
	struct str client_serial;	/* hexadecimal */
	struct str client_fingerprint;	/* SHA-1 in hexadecimal, as nginx has it */
	const char *client_verify;	/* "NONE", "SUCCESS", "FAILED:reason" */
};

/* NULL for a plain or closed transport.  It and its strings live until the end of the turn of the
 * loop in which the connection is closed. */
const struct tls_info *transport_tls(const struct transport *t);

/* After IO_ERROR: what went wrong, for one log line; "" if it was no matter of TLS. */
const char *transport_tls_failure(const struct transport *t);

/* After IO_ERROR: the client's first byte was that of plain HTTP.  From then on the transport is a
 * plain one: what is sent goes as it is. */
bool transport_tls_is_plain_http(const struct transport *t);

/* Counters of this process. */
struct tls_counters {
	uint64_t handshakes, resumed, failed;
};
extern struct tls_counters tls_counters;

#endif
