/*
 * certificates.h - every pair of certificate and key once, with the number it has everywhere.
 */
#ifndef USHERD_CONF_CERTIFICATES_H
#define USHERD_CONF_CERTIFICATES_H

#include "conf/whole.h"

/*
 * Numbers the pairs that listeners, hosts and backends name, so that all refer to the same object
 * for the same two paths, and fills snapshot.certificates and snapshot.tls_ticket_secret.  Called
 * when everything else is in the snapshot.
 */
void conf_certificates_collect(struct conf_whole *w);

#endif
