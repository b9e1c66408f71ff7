/*
 * certificates.h - whether the certificates of a configuration are fit for what they are to do.
 */
#ifndef USHERD_PROXY_TLS_CERTIFICATES_H
#define USHERD_PROXY_TLS_CERTIFICATES_H

#include "conf/snapshot.h"
#include "net/tls_server.h"

/*
 * Checks each certificate (its time, the order of its chain, who may read its key) and each host
 * (its names, its certificates' kinds).  What is wrong goes to `errors`.  Certificates that are
 * missing in `certs` are passed over: they have been told of.
 */
void certificates_check(const struct conf_snapshot *snapshot, const struct tls_store *certs,
    struct conf_errors *errors);

#endif
