/*
 * client_ip.h - who the client is when proxies that we trust stand in between.
 */
#ifndef USHERD_PROXY_CLIENT_IP_H
#define USHERD_PROXY_CLIENT_IP_H

#include "proxy/exchange.h"

/*
 * Fills x->client, x->trusted and x->scheme: the connection's address (a PROXY header has been
 * applied), then, if that is a trusted proxy, the field named by client_ip_from, read from the
 * right to the first address that is not trusted.
 */
void client_ip_find(struct exchange *x);

#endif
