/*
 * own_name.h - the names under which the status pages answer.
 *
 * A page of another site can have a browser read ours if the owner of that site lets its name lead
 * to our address: DNS rebinding.  The request then comes from an address that `allow` takes, but it
 * still has the name of the other site as its Host.
 */
#ifndef USHERD_PROXY_ADMIN_OWN_NAME_H
#define USHERD_PROXY_ADMIN_OWN_NAME_H

#include "conf/snapshot.h"
#include "http/stream.h"

/*
 * Whether the Host of the request is a loopback name or address, the address that the connection
 * reached, or one of `names`, where `*.` stands for all names below.  A request without a Host is
 * no browser's, and a unix socket is nothing that a name leads to: both are fine.
 */
bool own_name_is(struct http_stream *s, const struct conf_strs *names);

#endif
