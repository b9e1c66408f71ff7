/*
 * tls_client.h - TLS towards servers: always verified unless the configuration says otherwise.
 */
#ifndef USHERD_NET_TLS_CLIENT_H
#define USHERD_NET_TLS_CLIENT_H

#include "net/tls_cert.h"
#include "net/transport.h"

/* How connections to the servers of a backend are made; holds sessions for resumption. */
struct tls_client;

struct tls_client_options {
	bool verify;
	struct str ca_pem;		/* absent: the system's store */
	struct tls_cert *cert;		/* shown to servers; NULL: none */
};

/* NULL with the error's text, which begins with the directive that is wrong and a colon. */
struct tls_client *tls_client_new(const struct tls_client_options *o, char error[TLS_ERROR_TEXT]);

/* One more owner; each calls tls_client_free(). */
struct tls_client *tls_client_ref(struct tls_client *c);

/* Its open connections live on. */
void tls_client_free(struct tls_client *c);

/*
 * Takes over a connecting socket; as transport_open_plain().  `name` is sent as SNI (unless it is
 * an address) and must be covered by the server's certificate.  A failed verification is IO_ERROR,
 * with transport_tls_verify_failed() true; transport_tls_failure() says what was expected and what
 * came.
 */
int transport_open_tls_client(struct transport *t, struct loop *loop, int fd,
    void (*on_ready)(struct watcher *), struct tls_client *c, struct str name);

bool transport_tls_verify_failed(const struct transport *t);

#endif
