/*
 * proxy_header.c - the PROXY protocol, versions 1 and 2.
 */
#include "net/proxy_header.h"

#include <stdio.h>

#include "base/check.h"
#include "base/str.h"

enum { V1_MAX = 107, V2_HEAD = 16, V2_MAX = 536, V2_IP4 = 12, V2_IP6 = 36 };

static const char v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";
static const uint8_t v4_mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static uint16_t
get16(const char *p)
{
	return (uint16_t)((unsigned char)p[0] << 8 | (unsigned char)p[1]);
}

static void
put16(char *p, unsigned v)
{
	p[0] = (char)(v >> 8);
	p[1] = (char)v;
}

static bool
next_field(struct str *line, struct str *field)
{
	return str_cut(line, ' ', field) && field->n > 0;
}

/* With TCP6 an IPv4 address may come in its mapped form, as from a dual-stack socket. */
static bool
read_endpoint(struct str ip, struct str port, bool ip6, struct ip_port *out)
{
	uint64_t number;

	if ((str_find(ip, ':') >= 0) != ip6 || str_find(ip, '[') >= 0 || !ip_parse(out, ip) ||
	    !str_uint(port, UINT16_MAX, &number))
		return false;
	out->port = (uint16_t)number;
	return true;
}

/* `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443`, without its CRLF. */
static bool
read_v1_line(struct str line, struct proxy_header *h)
{
	struct str word, from, to, from_port, to_port;
	bool ip6;

	if (!next_field(&line, &word) || !next_field(&line, &word))
		return false;
	if (str_eq(word, STR_OF("UNKNOWN")))
		return true;
	ip6 = str_eq(word, STR_OF("TCP6"));
	if (!ip6 && !str_eq(word, STR_OF("TCP4")))
		return false;
	if (!next_field(&line, &from) || !next_field(&line, &to) ||
	    !next_field(&line, &from_port) || !next_field(&line, &to_port) || line.p != NULL)
		return false;
	h->known = true;
	return read_endpoint(from, from_port, ip6, &h->source) &&
	    read_endpoint(to, to_port, ip6, &h->destination);
}

static int
read_v1(const char *p, size_t n, struct proxy_header *h)
{
	const char *end = memchr(p, '\n', n < V1_MAX ? n : V1_MAX);

	if (end == NULL)
		return n < V1_MAX ? 0 : -1;
	if (end[-1] != '\r' || !read_v1_line(str_make(p, (size_t)(end - p) - 1), h))
		return -1;
	return (int)(end - p) + 1;
}

static uint8_t
family_of(const uint8_t ip[16])
{
	return memcmp(ip, v4_mapped, sizeof(v4_mapped)) == 0 ? AF_INET : AF_INET6;
}

static void
read_v2_ip4(const char *p, struct proxy_header *h)
{
	memcpy(h->source.ip, v4_mapped, 12);
	memcpy(h->source.ip + 12, p, 4);
	memcpy(h->destination.ip, v4_mapped, 12);
	memcpy(h->destination.ip + 12, p + 4, 4);
	h->source.port = get16(p + 8);
	h->destination.port = get16(p + 10);
	h->source.family = h->destination.family = AF_INET;
	h->known = true;
}

static void
read_v2_ip6(const char *p, struct proxy_header *h)
{
	memcpy(h->source.ip, p, 16);
	memcpy(h->destination.ip, p + 16, 16);
	h->source.port = get16(p + 32);
	h->destination.port = get16(p + 34);
	h->source.family = family_of(h->source.ip);
	h->destination.family = family_of(h->destination.ip);
	h->known = true;
}

static int
read_v2(const char *p, size_t n, struct proxy_header *h)
{
	size_t length;
	int command;

	if (n < V2_HEAD)
		return 0;
	length = get16(p + 14);
	command = (unsigned char)p[12];
	if ((command != 0x20 && command != 0x21) || length > V2_MAX - V2_HEAD)
		return -1;
	if (n < V2_HEAD + length)
		return 0;
	if (command == 0x21 && p[13] == 0x11 && length >= V2_IP4)
		read_v2_ip4(p + V2_HEAD, h);
	else if (command == 0x21 && p[13] == 0x21 && length >= V2_IP6)
		read_v2_ip6(p + V2_HEAD, h);
	else if (command == 0x21 && (p[13] == 0x11 || p[13] == 0x21))
		return -1;
	return (int)(V2_HEAD + length);
}

int
proxy_header_read(const char *p, size_t n, struct proxy_header *h)
{
	size_t v2 = n < sizeof(v2_signature) ? n : sizeof(v2_signature);
	size_t v1 = n < 6 ? n : 6;

	*h = (struct proxy_header){ .known = false };
	if (n == 0)
		return 0;
	if (memcmp(p, v2_signature, v2) == 0)
		return read_v2(p, n, h);
	if (memcmp(p, "PROXY ", v1) == 0)
		return read_v1(p, n, h);
	return -1;
}

static bool
is_ip(const struct ip_port *a)
{
	return a->family == AF_INET || a->family == AF_INET6;
}

/* Both ends must be of one family: next to an IPv6 end, an IPv4 one takes its mapped form. */
static bool
both_ip4(const struct ip_port *a, const struct ip_port *b)
{
	return a->family == AF_INET && b->family == AF_INET;
}

static const char *
mapping(const struct ip_port *ip, bool ip4)
{
	return ip->family == AF_INET && !ip4 ? "::ffff:" : "";
}

static size_t
write_v1(char *out, const struct ip_port *source, const struct ip_port *destination)
{
	bool ip4 = both_ip4(source, destination);
	char from[ADDR_TEXT], to[ADDR_TEXT];
	int n;

	if (!is_ip(source) || !is_ip(destination))
		return (size_t)snprintf(out, PROXY_HEADER_MAX, "PROXY UNKNOWN\r\n");
	ip_text(source, from);
	ip_text(destination, to);
	n = snprintf(out, PROXY_HEADER_MAX, "PROXY TCP%d %s%s %s%s %u %u\r\n", ip4 ? 4 : 6,
	    mapping(source, ip4), from, mapping(destination, ip4), to, source->port,
	    destination->port);
	CHECK(n > 0 && n < PROXY_HEADER_MAX);
	return (size_t)n;
}

static size_t
write_v2(char *out, const struct ip_port *source, const struct ip_port *destination)
{
	size_t width = both_ip4(source, destination) ? 4 : 16;
	char *p = out + V2_HEAD;

	memcpy(out, v2_signature, sizeof(v2_signature));
	if (!is_ip(source) || !is_ip(destination)) {
		memcpy(out + 12, "\x20\0\0\0", 4);
		return V2_HEAD;
	}
	out[12] = 0x21;
	out[13] = width == 4 ? 0x11 : 0x21;
	put16(out + 14, (unsigned)(width * 2 + 4));
	memcpy(p, source->ip + 16 - width, width);
	memcpy(p + width, destination->ip + 16 - width, width);
	put16(p + 2 * width, source->port);
	put16(p + 2 * width + 2, destination->port);
	return V2_HEAD + 2 * width + 4;
}

size_t
proxy_header_write(char out[PROXY_HEADER_MAX], int version, const struct ip_port *source,
    const struct ip_port *destination)
{
	return version == 1 ? write_v1(out, source, destination) :
	    write_v2(out, source, destination);
}
