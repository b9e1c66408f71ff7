/*
 * tls_ticket.h - session tickets, as the contexts use them.
 */
#ifndef USHERD_NET_TLS_TICKET_H
#define USHERD_NET_TLS_TICKET_H

#include <openssl/ssl.h>
#include <stdbool.h>

/* Makes the context seal and open tickets with the keys of tls_tickets_use(); false if there are
 * none, and the context must not offer tickets then. */
bool tls_tickets_apply(SSL_CTX *ctx);

#endif
