/*
 * cert_parcel.h - a certificate with its key on the way from the master to a worker.
 *
 * A parcel is a sealed memfd: what the master checked is what the worker reads, and a worker that
 * may not open the files needs not to.
 */
#ifndef USHERD_PROCESS_CERT_PARCEL_H
#define USHERD_PROCESS_CERT_PARCEL_H

#include "net/tls_cert.h"
#include "process/cert_files.h"

/* A descriptor, or -1 with errno (no descriptors, no memory). */
int cert_parcel_make(const struct cert_text *t);

/*
 * The certificate inside; the caller unrefs it and closes `fd`.  NULL when it is malformed; `error`
 * then says how.
 */
struct tls_cert *cert_parcel_open(int fd, struct str passphrase, char error[TLS_ERROR_TEXT]);

#endif
