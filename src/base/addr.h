/*
 * addr.h - socket addresses and address ranges.
 */
#ifndef USHERD_BASE_ADDR_H
#define USHERD_BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/str.h"

/* An address of any family that usherd speaks, for configuration and calls. */
struct addr {
	socklen_t len;		/* 0: none */
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	};
};

/* A compact IP address and port, for connections; IPv4 is kept as ::ffff:a.b.c.d. */
struct ip_port {
	uint8_t ip[16];
	uint16_t port;		/* host order */
	uint8_t family;		/* AF_INET, AF_INET6; AF_UNIX (no ip, port 0); 0: unknown */
};

enum { ADDR_TEXT = 128 };	/* room for any text of an address, with its NUL */

/*
 * Reads `80` and `*:80` (both yield 0.0.0.0: a dual-stack wildcard is the caller's affair),
 * `127.0.0.1:80`, `[::1]:80` and `unix:/path`.  `default_port` 0 makes the port required, and a
 * port is never 0.  False if it is none of these; host names are not resolved.
 */
bool addr_parse(struct addr *a, struct str text, uint16_t default_port);

/* `127.0.0.1:80`, `[::1]:80` or `unix:/path`; NUL-terminated.  Returns the length. */
size_t addr_text(const struct addr *a, char out[ADDR_TEXT]);

bool addr_eq(const struct addr *a, const struct addr *b);
uint16_t addr_port(const struct addr *a);	/* host order, 0 for unix */
void addr_set_port(struct addr *a, uint16_t port);

/* Conversions.  A unix address keeps only its family; a mapped address becomes an IPv4 one. */
void ip_port_from(struct ip_port *ip, const struct sockaddr *sa);
void addr_from_ip_port(struct addr *a, const struct ip_port *ip);

/* The address alone, without port and brackets; `unix:` for AF_UNIX.  Returns the length. */
size_t ip_text(const struct ip_port *ip, char out[ADDR_TEXT]);

/* Reads an IP address without a port (IPv6 also in brackets); port becomes 0. */
bool ip_parse(struct ip_port *ip, struct str text);

/* 127.0.0.0/8 and ::1; a peer on a unix socket is none. */
bool ip_is_loopback(const struct ip_port *ip);

/* A range of addresses. */
struct cidr {
	uint8_t ip[16];		/* IPv4 mapped as in ip_port */
	uint8_t bits;		/* 0 to 128 */
	bool unix_sockets;	/* the word `unix`: any peer on a unix socket */
};

/*
 * Reads `10.0.0.0/8`, `2001:db8::/32`, a single address, or `unix`.  Address bits beyond the prefix
 * do not matter.  IPv6 ranges shorter than /96, such as `::/0`, have no IPv4 address in them.
 */
bool cidr_parse(struct cidr *c, struct str text);

bool cidr_has(const struct cidr *c, const struct ip_port *ip);

/* True if any of the `n` ranges has the address. */
bool cidrs_have(const struct cidr *c, size_t n, const struct ip_port *ip);

#endif
