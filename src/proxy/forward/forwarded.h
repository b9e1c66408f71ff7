/*
 * forwarded.h - the fields of a request as they go to a server.
 */
#ifndef USHERD_PROXY_FORWARD_FORWARDED_H
#define USHERD_PROXY_FORWARD_FORWARDED_H

#include "proxy/exchange.h"

/*
 * The client's end-to-end fields, Host as configured, and what tells the server about the client:
 * X-Forwarded-For, -Proto, -Host, Forwarded (RFC 7239), X-Request-ID, Via.  What a client that is
 * no trusted proxy says of itself in these is dropped.  `server_host` is the Host of
 * `host_header = server`.  The client's own list is not changed.
 */
void forwarded_fields(struct exchange *x, const struct conf_backend *backend,
    struct str server_host, struct fields *out);

#endif
