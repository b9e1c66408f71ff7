/*
 * addr.c - socket addresses and address ranges.
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

enum {
	MAPPED_BITS = 8 * sizeof(mapped_prefix),
	UNIX_HEAD = offsetof(struct sockaddr_un, sun_path),	/* length of an unnamed address */
};

/* The text as a C string for inet_pton(); false if it cannot be an address. */
static bool
c_string(struct str s, char out[INET6_ADDRSTRLEN])
{
	if (s.n == 0 || s.n >= INET6_ADDRSTRLEN || str_find(s, '\0') >= 0)
		return false;
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return true;
}

static void
set_in(struct addr *a, struct in_addr ip, uint16_t port)
{
	*a = (struct addr){ .len = sizeof(a->in) };
	a->in.sin_family = AF_INET;
	a->in.sin_addr = ip;
	a->in.sin_port = htons(port);
}

static void
set_in6(struct addr *a, const struct in6_addr *ip, uint16_t port)
{
	*a = (struct addr){ .len = sizeof(a->in6) };
	a->in6.sin6_family = AF_INET6;
	a->in6.sin6_addr = *ip;
	a->in6.sin6_port = htons(port);
}

static bool
parse_unix(struct addr *a, struct str path)
{
	if (path.n == 0 || path.p[0] != '/' || path.n >= sizeof(a->un.sun_path) ||
	    str_find(path, '\0') >= 0)
		return false;
	*a = (struct addr){ .len = (socklen_t)(UNIX_HEAD + path.n + 1) };
	a->un.sun_family = AF_UNIX;
	memcpy(a->un.sun_path, path.p, path.n);
	return true;
}

static bool
parse_port(struct str text, uint16_t *port)
{
	uint64_t v;

	if (!str_uint(text, UINT16_MAX, &v) || v == 0)
		return false;
	*port = (uint16_t)v;
	return true;
}

/* Cuts the port off `HOST:PORT`; a colon within brackets is part of the host. */
static bool
cut_port(struct str *text, uint16_t default_port, uint16_t *port)
{
	const char *colon = text->n > 0 ? memrchr(text->p, ':', text->n) : NULL;
	size_t host;

	if (colon == NULL || str_ends(*text, STR_OF("]"))) {
		*port = default_port;
		return default_port != 0;
	}
	host = (size_t)(colon - text->p);
	if (!parse_port(str_skip(*text, host + 1), port))
		return false;
	text->n = host;
	return true;
}

/* `*`, an IPv4 address, or an IPv6 address in brackets. */
static bool
parse_host(struct addr *a, struct str host, uint16_t port)
{
	char text[INET6_ADDRSTRLEN];
	struct in_addr in = { .s_addr = htonl(INADDR_ANY) };
	struct in6_addr in6;

	if (str_starts(host, STR_OF("[")) && str_ends(host, STR_OF("]"))) {
		if (!c_string(str_make(host.p + 1, host.n - 2), text) ||
		    inet_pton(AF_INET6, text, &in6) != 1)
			return false;
		set_in6(a, &in6, port);
		return true;
	}
	if (!str_eq(host, STR_OF("*")) &&
	    (!c_string(host, text) || inet_pton(AF_INET, text, &in) != 1))
		return false;
	set_in(a, in, port);
	return true;
}

bool
addr_parse(struct addr *a, struct str text, uint16_t default_port)
{
	uint16_t port;

	if (str_starts(text, STR_OF("unix:")))
		return parse_unix(a, str_skip(text, 5));
	if (parse_port(text, &port))
		return parse_host(a, STR_OF("*"), port);
	return cut_port(&text, default_port, &port) && parse_host(a, text, port);
}

static size_t
put_port(char *out, size_t n, uint16_t port)
{
	out[n++] = ':';
	n += fmt_uint(out + n, port);
	out[n] = '\0';
	return n;
}

static size_t
unix_text(const struct addr *a, char out[ADDR_TEXT])
{
	static const struct str prefix = STR("unix:");
	size_t n = a->len > UNIX_HEAD ? strnlen(a->un.sun_path, a->len - UNIX_HEAD) : 0;

	memcpy(out, prefix.p, prefix.n);
	memcpy(out + prefix.n, a->un.sun_path, n);
	out[prefix.n + n] = '\0';
	return prefix.n + n;
}

size_t
addr_text(const struct addr *a, char out[ADDR_TEXT])
{
	size_t n;

	out[0] = '\0';
	if (a->len == 0)
		return 0;
	switch (a->sa.sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &a->in.sin_addr, out, INET_ADDRSTRLEN);
		return put_port(out, strlen(out), addr_port(a));
	case AF_INET6:
		out[0] = '[';
		inet_ntop(AF_INET6, &a->in6.sin6_addr, out + 1, INET6_ADDRSTRLEN);
		n = strlen(out);
		out[n++] = ']';
		return put_port(out, n, addr_port(a));
	case AF_UNIX:
		return unix_text(a, out);
	default:
		return 0;
	}
}

bool
addr_eq(const struct addr *a, const struct addr *b)
{
	if (a->len != b->len)
		return false;
	return a->len == 0 || memcmp(&a->sa, &b->sa, a->len) == 0;
}

uint16_t
addr_port(const struct addr *a)
{
	if (a->len == 0)
		return 0;
	switch (a->sa.sa_family) {
	case AF_INET:
		return ntohs(a->in.sin_port);
	case AF_INET6:
		return ntohs(a->in6.sin6_port);
	default:
		return 0;
	}
}

void
addr_set_port(struct addr *a, uint16_t port)
{
	if (a->len == 0)
		return;
	if (a->sa.sa_family == AF_INET)
		a->in.sin_port = htons(port);
	else if (a->sa.sa_family == AF_INET6)
		a->in6.sin6_port = htons(port);
}

static void
set_ip4(struct ip_port *ip, const struct in_addr *in)
{
	ip->family = AF_INET;
	memcpy(ip->ip, mapped_prefix, sizeof(mapped_prefix));
	memcpy(ip->ip + sizeof(mapped_prefix), in, 4);
}

/* A mapped address is an IPv4 client of a dual-stack socket, and is treated as one. */
static void
set_ip6(struct ip_port *ip, const struct in6_addr *in6)
{
	ip->family = IN6_IS_ADDR_V4MAPPED(in6) ? AF_INET : AF_INET6;
	memcpy(ip->ip, in6, sizeof(ip->ip));
}

void
ip_port_from(struct ip_port *ip, const struct sockaddr *sa)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	*ip = (struct ip_port){ .family = 0 };
	switch (sa->sa_family) {
	case AF_INET:
		memcpy(&in, sa, sizeof(in));
		set_ip4(ip, &in.sin_addr);
		ip->port = ntohs(in.sin_port);
		break;
	case AF_INET6:
		memcpy(&in6, sa, sizeof(in6));
		set_ip6(ip, &in6.sin6_addr);
		ip->port = ntohs(in6.sin6_port);
		break;
	case AF_UNIX:
		ip->family = AF_UNIX;
		break;
	default:
		break;
	}
}

void
addr_from_ip_port(struct addr *a, const struct ip_port *ip)
{
	struct in_addr in;
	struct in6_addr in6;

	*a = (struct addr){ .len = 0 };
	switch (ip->family) {
	case AF_INET:
		memcpy(&in, ip->ip + sizeof(mapped_prefix), sizeof(in));
		set_in(a, in, ip->port);
		break;
	case AF_INET6:
		memcpy(&in6, ip->ip, sizeof(in6));
		set_in6(a, &in6, ip->port);
		break;
	case AF_UNIX:
		a->len = UNIX_HEAD;
		a->un.sun_family = AF_UNIX;
		break;
	default:
		break;
	}
}

/* inet_ntop() takes its time, and this is in every log line. */
static size_t
ip4_text(const uint8_t ip[4], char *out)
{
	size_t n = 0;

	for (int i = 0; i < 4; i++) {
		n += fmt_uint(out + n, ip[i]);
		out[n++] = '.';
	}
	out[--n] = '\0';
	return n;
}

size_t
ip_text(const struct ip_port *ip, char out[ADDR_TEXT])
{
	switch (ip->family) {
	case AF_INET:
		return ip4_text(ip->ip + sizeof(mapped_prefix), out);
	case AF_INET6:
		inet_ntop(AF_INET6, ip->ip, out, INET6_ADDRSTRLEN);
		return strlen(out);
	case AF_UNIX:
		memcpy(out, "unix:", 6);
		return 5;
	default:
		out[0] = '\0';
		return 0;
	}
}

bool
ip_parse(struct ip_port *ip, struct str text)
{
	char s[INET6_ADDRSTRLEN];
	struct in_addr in;
	struct in6_addr in6;
	bool brackets = text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']';

	if (brackets)
		text = str_make(text.p + 1, text.n - 2);
	if (!c_string(text, s))
		return false;
	*ip = (struct ip_port){ .family = 0 };
	if (!brackets && inet_pton(AF_INET, s, &in) == 1)
		set_ip4(ip, &in);
	else if (inet_pton(AF_INET6, s, &in6) == 1)
		set_ip6(ip, &in6);
	else
		return false;
	return true;
}

bool
ip_is_loopback(const struct ip_port *ip)
{
	if (ip->family == AF_INET)
		return ip->ip[sizeof(mapped_prefix)] == 127;
	return ip->family == AF_INET6 && memcmp(ip->ip, &in6addr_loopback, sizeof(ip->ip)) == 0;
}

bool
cidr_parse(struct cidr *c, struct str text)
{
	struct ip_port ip;
	struct str address;
	uint64_t skip, bits;

	*c = (struct cidr){ .unix_sockets = str_eq(text, STR_OF("unix")) };
	if (c->unix_sockets)
		return true;
	if (!str_cut(&text, '/', &address) || !ip_parse(&ip, address))
		return false;
	/* A mapped address that was written as IPv6 counts its bits as IPv6. */
	skip = str_find(address, ':') < 0 ? MAPPED_BITS : 0;
	bits = 128 - skip;
	if (text.p != NULL && !str_uint(text, bits, &bits))
		return false;
	c->bits = (uint8_t)(skip + bits);
	memcpy(c->ip, ip.ip, sizeof(c->ip));
	return true;
}

bool
cidr_has(const struct cidr *c, const struct ip_port *ip)
{
	unsigned bytes = c->bits / 8, bits = c->bits % 8;

	if (c->unix_sockets || ip->family == AF_UNIX)
		return c->unix_sockets && ip->family == AF_UNIX;
	if (ip->family == 0 || (ip->family == AF_INET && c->bits < MAPPED_BITS))
		return false;
	if (memcmp(c->ip, ip->ip, bytes) != 0)
		return false;
	return bits == 0 || (c->ip[bytes] ^ ip->ip[bytes]) >> (8 - bits) == 0;
}

bool
cidrs_have(const struct cidr *c, size_t n, const struct ip_port *ip)
{
	for (size_t i = 0; i < n; i++)
		if (cidr_has(&c[i], ip))
			return true;
	return false;
}
