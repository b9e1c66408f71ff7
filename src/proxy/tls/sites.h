/*
 * sites.h - which certificates and which policy a TLS connection gets, and what it may ask for.
 *
 *	server name ─► exact name of a [host], longest wildcard, default_host ─► site
 *	site + Host of a request ─► served, or 421
 */
#ifndef USHERD_PROXY_TLS_SITES_H
#define USHERD_PROXY_TLS_SITES_H

#include <stdint.h>

#include "conf/snapshot.h"
#include "net/tls_server.h"

struct sites;

/* Compiles names and policies of all TLS listeners; the snapshot must outlive the result.  What is
 * wrong goes to `errors`. */
struct sites *sites_new(const struct conf_snapshot *snapshot, struct conf_errors *errors);
void sites_free(struct sites *s);

/* The certificates of this process, for the handshakes to come. */
void sites_use(struct sites *s, struct tls_store *certs);

/* For transport_open_tls_server(); NULL if the listener has no TLS. */
const struct tls_listener *sites_listener(const struct sites *s, const struct conf_listen *listen);

enum sites_verdict {
	SITES_FINE,
	SITES_NOT_COVERED,		/* the connection was made for another name */
	SITES_OTHER_CLIENTS,		/* the host has other rules for client certificates */
};

/*
 * Whether a connection may ask for this host (NULL: none), whose name in the request is `name`:
 * RFC 9110, 7.4.
 */
enum sites_verdict sites_check(const struct sites *s, const struct tls_info *tls,
    const struct conf_listen *listen, const struct conf_host *host, struct str name);

/* The port at which clients reach the host over TLS; 443 if no listener of ours says. */
uint16_t sites_https_port(const struct sites *s, const struct conf_host *host);

#endif
