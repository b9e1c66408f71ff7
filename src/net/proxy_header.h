/*
 * proxy_header.h - the PROXY protocol, versions 1 and 2: who is behind a proxy in front of us.
 */
#ifndef USHERD_NET_PROXY_HEADER_H
#define USHERD_NET_PROXY_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

enum { PROXY_HEADER_MAX = 256 };	/* room for any header that we write */

struct proxy_header {
	bool known;			/* false: LOCAL or UNKNOWN, the socket's addresses hold */
	struct ip_port source;
	struct ip_port destination;
};

/*
 * Reads a header at the beginning of `n` bytes.  Returns its length; 0 if more bytes are needed; -1
 * if it is none, or longer than 536 bytes (a TLV area of 500).
 */
int proxy_header_read(const char *p, size_t n, struct proxy_header *h);

/*
 * Writes a header of version 1 or 2 for a connection from `source` to `destination`; UNKNOWN or
 * LOCAL when either is no IP address.  Returns its length.
 */
size_t proxy_header_write(char out[PROXY_HEADER_MAX], int version, const struct ip_port *source,
    const struct ip_port *destination);

#endif
