/*
 * tls_backends.h - how the servers of each backend are spoken to over TLS.
 */
#ifndef USHERD_PROXY_TLS_TLS_BACKENDS_H
#define USHERD_PROXY_TLS_TLS_BACKENDS_H

#include "conf/snapshot.h"
#include "net/tls_client.h"
#include "net/tls_server.h"

/*
 * A client for each backend that may need one, by its index: the configuration names an https
 * server in it, or there is a control socket, through which one may be added at run time.  NULL for
 * others.  What is wrong goes to `errors`.  tls_backends_free() ends the array.
 */
struct tls_client **tls_backends_new(const struct conf_snapshot *snapshot,
    const struct tls_store *certs, struct conf_errors *errors);
void tls_backends_free(struct tls_client **clients, unsigned n);

/* Makes the client of a backend that has none; false after an error line. */
bool tls_backends_add(struct tls_client **clients, const struct conf_snapshot *snapshot,
    unsigned index, const struct tls_store *certs);

/* Certificate `index` has been replaced: new connections show the new one. */
void tls_backends_renew(struct tls_client **clients, const struct conf_snapshot *snapshot,
    unsigned index, struct tls_cert *cert);

#endif
