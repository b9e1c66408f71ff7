/* proxy_header.c: the PROXY protocol, versions 1 and 2. */

#include "unit.h"

#include <stdio.h>

#include "net/proxy_header.h"

#define SIG	"\r\n\r\n\0\r\nQUIT\n"
#define IP4	"\xc0\0\2\1" "\xc0\0\2\2" "\xdc\4" "\1\xbb"
#define IP6	"\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1" "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2" \
		"\0\1" "\xff\xff"
#define MAPPED	"\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1" "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\2" \
		"\0\1" "\0\2"

#define BYTES(lit)	(lit), sizeof(lit) - 1

static const struct {
	const char *p;
	size_t n;
	const char *gives;		/* NULL: refused; "-": none known */
} headers[] = {
	{ BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"), "192.0.2.1 56324 192.0.2.2 443" },
	{ BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n"),
	  "2001:db8::1 1 2001:db8::2 65535" },
	{ BYTES("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n"), "192.0.2.1 1 ::1 2" },
	{ BYTES("PROXY UNKNOWN\r\n"), "-" },
	{ BYTES("PROXY UNKNOWN ffff::1 what ever\r\n"), "-" },
	{ BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 0 65536\r\n"), NULL },
	{ BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 -2\r\n"), NULL },
	{ BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"), NULL },
	{ BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"), NULL },
	{ BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n"), NULL },
	{ BYTES("PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), NULL },
	{ BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n"), NULL },
	{ BYTES("PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n"), NULL },
	{ BYTES("PROXY TCP4 2001:db8::1 192.0.2.2 1 2\r\n"), NULL },
	{ BYTES("PROXY TCP4 ::ffff:192.0.2.1 192.0.2.2 1 2\r\n"), NULL },
	{ BYTES("PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n"), NULL },
	{ BYTES("PROXY TCP6 [::1] [::2] 1 2\r\n"), NULL },
	{ BYTES("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"), NULL },
	{ BYTES("PROXY \r\n"), NULL },
	{ BYTES("PROXY\r\n"), NULL },
	{ BYTES("GET / HTTP/1.1\r\n"), NULL },
	{ BYTES(SIG "\x21\x11\0\x0c" IP4), "192.0.2.1 56324 192.0.2.2 443" },
	{ BYTES(SIG "\x21\x21\0\x24" IP6), "2001:db8::1 1 2001:db8::2 65535" },
	{ BYTES(SIG "\x21\x21\0\x24" MAPPED), "192.0.2.1 1 192.0.2.2 2" },
	{ BYTES(SIG "\x21\x11\0\x0f" IP4 "\4\0\0"), "192.0.2.1 56324 192.0.2.2 443" },
	{ BYTES(SIG "\x20\0\0\0"), "-" },
	{ BYTES(SIG "\x20\x11\0\x0c" IP4), "-" },
	{ BYTES(SIG "\x21\0\0\0"), "-" },
	{ BYTES(SIG "\x21\x12\0\x0c" IP4), "-" },
	{ BYTES(SIG "\x21\x11\0\x0b" IP4), NULL },
	{ BYTES(SIG "\x21\x21\0\x0c" IP4), NULL },
	{ BYTES(SIG "\x11\x11\0\x0c" IP4), NULL },
	{ BYTES(SIG "\x22\x11\0\x0c" IP4), NULL },
	{ BYTES(SIG "\x21\x11\x02\x09" IP4), NULL },
	{ BYTES("\r\n\r\nGET / HTTP/1.1"), NULL },
};

static const char *
text_of(const struct proxy_header *h)
{
	static char out[2 * ADDR_TEXT + 16];
	char from[ADDR_TEXT], to[ADDR_TEXT];

	if (!h->known)
		return "-";
	ip_text(&h->source, from);
	ip_text(&h->destination, to);
	snprintf(out, sizeof(out), "%s %u %s %u", from, h->source.port, to, h->destination.port);
	return out;
}

START_TEST(reads)
{
	struct proxy_header h;
	char copy[256];
	int r;

	memcpy(copy, headers[_i].p, headers[_i].n);
	memcpy(copy + headers[_i].n, "next", 4);
	r = proxy_header_read(copy, headers[_i].n + 4, &h);
	if (headers[_i].gives == NULL) {
		ck_assert_int_eq(r, -1);
	} else {
		ck_assert_int_eq(r, (int)headers[_i].n);
		ck_assert_str_eq(text_of(&h), headers[_i].gives);
		for (size_t n = 0; n < headers[_i].n; n++)
			ck_assert_int_eq(proxy_header_read(copy, n, &h), 0);
	}
}
END_TEST

START_TEST(bounded)
{
	char text[700];
	struct proxy_header h;

	memset(text, 'x', sizeof(text));
	memcpy(text, "PROXY UNKNOWN ", 14);
	ck_assert_int_eq(proxy_header_read(text, 106, &h), 0);
	ck_assert_int_eq(proxy_header_read(text, 107, &h), -1);
	memcpy(text + 105, "\r\n", 2);
	ck_assert_int_eq(proxy_header_read(text, sizeof(text), &h), 107);
	memcpy(text, SIG "\x21\x11\x02\x08", 16);
	ck_assert_int_eq(proxy_header_read(text, 535, &h), 0);
	ck_assert_int_eq(proxy_header_read(text, sizeof(text), &h), 536);
}
END_TEST

static const struct {
	const char *source, *destination;
	const char *v1;			/* NULL: LOCAL in version 2 */
} pairs[] = {
	{ "192.0.2.1", "192.0.2.2", "PROXY TCP4 192.0.2.1 192.0.2.2 7 8\r\n" },
	{ "2001:db8::1", "::1", "PROXY TCP6 2001:db8::1 ::1 7 8\r\n" },
	{ "192.0.2.1", "::1", "PROXY TCP6 ::ffff:192.0.2.1 ::1 7 8\r\n" },
	{ "2001:db8::1", "192.0.2.2", "PROXY TCP6 2001:db8::1 ::ffff:192.0.2.2 7 8\r\n" },
	{ "", "192.0.2.2", NULL },
	{ "192.0.2.1", "", NULL },
	{ "", "", NULL },
};

static struct ip_port
end_of(const char *text, uint16_t port)
{
	struct ip_port ip = { .family = AF_UNIX };

	if (*text != '\0')
		ck_assert(ip_parse(&ip, str_of(text)));
	ip.port = ip.family == AF_UNIX ? 0 : port;
	return ip;
}

START_TEST(writes)
{
	struct ip_port source = end_of(pairs[_i].source, 7), to = end_of(pairs[_i].destination, 8);
	const char *v1 = pairs[_i].v1 != NULL ? pairs[_i].v1 : "PROXY UNKNOWN\r\n";
	char out[PROXY_HEADER_MAX];
	struct proxy_header h;
	size_t n = proxy_header_write(out, 1, &source, &to);

	ck_assert_uint_eq(n, strlen(v1));
	ck_assert_mem_eq(out, v1, n);
	for (int version = 1; version <= 2; version++) {
		n = proxy_header_write(out, version, &source, &to);
		ck_assert_int_eq(proxy_header_read(out, n, &h), (int)n);
		ck_assert(h.known == (pairs[_i].v1 != NULL));
		if (h.known) {
			char want[2 * ADDR_TEXT + 16];

			snprintf(want, sizeof(want), "%s 7 %s 8", pairs[_i].source,
			    pairs[_i].destination);
			ck_assert_str_eq(text_of(&h), want);
		}
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("proxy_header");
	TCase *tc = tcase_create("proxy_header");

	tcase_add_loop_test(tc, reads, 0, sizeof(headers) / sizeof(headers[0]));
	tcase_add_test(tc, bounded);
	tcase_add_loop_test(tc, writes, 0, sizeof(pairs) / sizeof(pairs[0]));
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
