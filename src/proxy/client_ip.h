/*
 * client_ip.h - who the client is when proxies that we trust stand in between.
 */
#ifndef USHERD_PROXY_CLIENT_IP_H
#define USHERD_PROXY_CLIENT_IP_H

#include "proxy/exchange.h"

/* Whether `peer` is a trusted proxy; `listen` is NULL on an admin listener, which has none. */
bool client_ip_trusts(const struct conf_listen *listen, const struct ip_port *peer);

/* Whether a request field is about the client, so that it is believed only from trusted proxies. */
bool client_ip_describes(const struct conf_listen *listen, const struct field *f);

/*
 * Fills x->client and x->scheme: the connection's address (a PROXY header has been applied), then,
 * if that is a trusted proxy, as x->trusted says, the field named by client_ip_from, read from the
 * right to the first address that is not trusted.
 */
void client_ip_find(struct exchange *x);

#endif
