/*
 * certificates.h - the numbers of certificates: one for each pair of files.
 */
#ifndef USHERD_CONF_CERTIFICATES_H
#define USHERD_CONF_CERTIFICATES_H

#include "conf/whole.h"

/*
 * Numbers the pairs that listeners, hosts and backends name, the same two paths always the same,
 * and fills snapshot.certificates and snapshot.tls_ticket_secret.  Called when everything else is
 * in the snapshot.
 */
void conf_certificates_collect(struct conf_whole *w);

#endif
