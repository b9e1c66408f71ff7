/*
 * rewrite.h - the path that goes to the server: strip_prefix and add_prefix.
 */
#ifndef USHERD_PROXY_REWRITE_H
#define USHERD_PROXY_REWRITE_H

#include "proxy/exchange.h"

/*
 * The target to forward.  Without a rewrite it is the client's own, byte for byte.  With one it is
 * made from the normalised path, so that dot segments and doubled slashes cannot lead anywhere that
 * the route did not mean; bytes that a path cannot hold are percent-encoded again.
 */
struct str rewrite_uri(struct exchange *x);

#endif
