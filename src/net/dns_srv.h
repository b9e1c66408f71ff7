/*
 * dns_srv.h - reads the SRV records (RFC 2782) out of a DNS answer.
 */
#ifndef USHERD_NET_DNS_SRV_H
#define USHERD_NET_DNS_SRV_H

#include <stddef.h>
#include <stdint.h>

enum { DNS_NAME = 256 };		/* longest name as text, with its NUL */

struct dns_srv {
	uint16_t priority;		/* the lowest number is the best */
	uint16_t weight;
	uint16_t port;
	char target[DNS_NAME];		/* in lower case, without the dot at its end */
};

/*
 * Reads the `n` bytes of an answer (RFC 1035, 4.1) into `out`, which has room for `max` records;
 * what is more is left out, and so is a target that is no name of a host (RFC 2782 has "." for
 * "there is no such service").  Returns their number, with the shortest TTL of the answer in
 * `*ttl_s`, or -1 if the answer is malformed.
 */
int dns_srv_parse(const uint8_t *answer, size_t n, struct dns_srv *out, unsigned max,
    uint32_t *ttl_s);

#endif
