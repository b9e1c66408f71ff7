/* addr.c: socket addresses, IP addresses and ranges. */

#include "base/addr.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/check.h"
#include "unit.h"

#define PATH_107 \
	"/23456789012345678901234567890123456789012345678901234" \
	"56789012345678901234567890123456789012345678901234567"

START_TEST(socket_addresses)
{
	static const struct {
		const char *in;
		uint16_t default_port;
		const char *out;	/* NULL: refused */
	} cases[] = {
		{ "80", 0, "0.0.0.0:80" },
		{ "80", 8080, "0.0.0.0:80" },
		{ "*:80", 0, "0.0.0.0:80" },
		{ "*", 8080, "0.0.0.0:8080" },
		{ "127.0.0.1:65535", 0, "127.0.0.1:65535" },
		{ "127.0.0.1", 80, "127.0.0.1:80" },
		{ "127.0.0.1", 0, NULL },
		{ "[::1]:80", 0, "[::1]:80" },
		{ "[::]:443", 0, "[::]:443" },
		{ "[2001:DB8:0:0::1]:443", 0, "[2001:db8::1]:443" },
		{ "[::1]", 80, "[::1]:80" },
		{ "[::1]", 0, NULL },
		{ "[::ffff:10.0.0.1]:80", 0, "[::ffff:10.0.0.1]:80" },
		{ "unix:/run/x.sock", 0, "unix:/run/x.sock" },
		{ "unix:" PATH_107, 0, "unix:" PATH_107 },
		{ "unix:" PATH_107 "x", 0, NULL },
		{ "unix:", 0, NULL },
		{ "unix:relative", 0, NULL },
		{ "", 0, NULL },
		{ "", 80, NULL },
		{ ":80", 0, NULL },
		{ ":", 80, NULL },
		{ "0", 0, NULL },
		{ "65536", 0, NULL },
		{ "127.0.0.1:0", 0, NULL },
		{ "127.0.0.1:", 80, NULL },
		{ "127.0.0.1:80x", 0, NULL },
		{ "127.0.0.1:+80", 0, NULL },
		{ "127.0.0.1 :80", 0, NULL },
		{ "127.1:80", 0, NULL },
		{ "127.0.0.01:80", 0, NULL },
		{ "256.0.0.1:80", 0, NULL },
		{ "::1", 80, NULL },
		{ "::1:80", 0, NULL },
		{ "[::1", 80, NULL },
		{ "[", 80, NULL },
		{ "]", 80, NULL },
		{ "[]", 80, NULL },
		{ "[]:80", 0, NULL },
		{ "[::1]80", 0, NULL },
		{ "[127.0.0.1]:80", 0, NULL },
		{ "[::1%lo]:80", 0, NULL },
		{ "localhost:80", 0, NULL },
	};
	char text[ADDR_TEXT];
	struct addr a;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool ok = addr_parse(&a, str_of(cases[i].in), cases[i].default_port);

		ck_assert_msg(ok == (cases[i].out != NULL), "%s", cases[i].in);
		if (!ok)
			continue;
		ck_assert_uint_eq(addr_text(&a, text), strlen(cases[i].out));
		ck_assert_str_eq(text, cases[i].out);
	}
	ck_assert(!addr_parse(&a, str_make(NULL, 0), 80));
	ck_assert(!addr_parse(&a, STR_OF("127.0.0.1\0:80"), 0));
	ck_assert(!addr_parse(&a, STR_OF("unix:/x\0y"), 0));
}
END_TEST

START_TEST(ports_and_equality)
{
	struct addr a, b, none = { .len = 0 };
	char text[ADDR_TEXT];

	ck_assert(addr_parse(&a, STR_OF("[::1]:80"), 0));
	ck_assert(addr_parse(&b, STR_OF("[::1]:81"), 0));
	ck_assert(!addr_eq(&a, &b));
	addr_set_port(&b, 80);
	ck_assert(addr_eq(&a, &b));
	ck_assert_uint_eq(addr_port(&b), 80);
	ck_assert(addr_parse(&b, STR_OF("unix:/a"), 0));
	addr_set_port(&b, 80);
	ck_assert_uint_eq(addr_port(&b), 0);
	ck_assert(!addr_eq(&a, &b));
	ck_assert(addr_parse(&a, STR_OF("unix:/b"), 0));
	ck_assert(!addr_eq(&a, &b));
	ck_assert(addr_eq(&none, &none));
	ck_assert(!addr_eq(&none, &a));
	addr_set_port(&none, 1);
	ck_assert_uint_eq(addr_port(&none), 0);
	ck_assert_uint_eq(addr_text(&none, text), 0);
}
END_TEST

START_TEST(ip_addresses)
{
	static const struct {
		const char *in;
		const char *out;	/* NULL: refused */
		int family;
	} cases[] = {
		{ "10.0.0.255", "10.0.0.255", AF_INET },
		{ "0.0.0.0", "0.0.0.0", AF_INET },
		{ "255.255.255.255", "255.255.255.255", AF_INET },
		{ "::", "::", AF_INET6 },
		{ "[2001:db8::1]", "2001:db8::1", AF_INET6 },
		{ "::ffff:10.0.0.1", "10.0.0.1", AF_INET },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", AF_INET6 },
		{ "", NULL, 0 },
		{ "[]", NULL, 0 },
		{ "[", NULL, 0 },
		{ "[10.0.0.1]", NULL, 0 },
		{ "10.0.0", NULL, 0 },
		{ "10.0.0.1:80", NULL, 0 },
		{ "10.0.0.1 ", NULL, 0 },
		{ "unix:", NULL, 0 },
		{ "::1::", NULL, 0 },
	};
	char text[ADDR_TEXT];
	struct ip_port ip;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool ok = ip_parse(&ip, str_of(cases[i].in));

		ck_assert_msg(ok == (cases[i].out != NULL), "%s", cases[i].in);
		if (!ok)
			continue;
		ck_assert_int_eq(ip.family, cases[i].family);
		ck_assert_uint_eq(ip_text(&ip, text), strlen(cases[i].out));
		ck_assert_str_eq(text, cases[i].out);
	}
}
END_TEST

/* To the compact form and back; a mapped address comes back as the IPv4 address that it is. */
START_TEST(conversions)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "10.1.2.3:80", "10.1.2.3:80" },
		{ "[2001:db8::1]:443", "[2001:db8::1]:443" },
		{ "[::ffff:10.1.2.3]:80", "10.1.2.3:80" },
		{ "unix:/run/x", "unix:" },
	};
	char text[ADDR_TEXT];
	struct ip_port ip;
	struct addr a;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		ck_assert(addr_parse(&a, str_of(cases[i].in), 0));
		ip_port_from(&ip, &a.sa);
		ck_assert_uint_eq(ip.port, addr_port(&a));
		addr_from_ip_port(&a, &ip);
		addr_text(&a, text);
		ck_assert_str_eq(text, cases[i].out);
	}
	ip_port_from(&ip, &(struct sockaddr){ .sa_family = AF_UNSPEC });
	ck_assert_int_eq(ip.family, 0);
	ck_assert_uint_eq(ip_text(&ip, text), 0);
	addr_from_ip_port(&a, &ip);
	ck_assert_uint_eq(a.len, 0);
}
END_TEST

START_TEST(loopback)
{
	struct ip_port ip;

	ck_assert(ip_parse(&ip, STR_OF("127.200.0.1")) && ip_is_loopback(&ip));
	ck_assert(ip_parse(&ip, STR_OF("::1")) && ip_is_loopback(&ip));
	ck_assert(ip_parse(&ip, STR_OF("::ffff:127.0.0.1")) && ip_is_loopback(&ip));
	ck_assert(ip_parse(&ip, STR_OF("128.0.0.1")) && !ip_is_loopback(&ip));
	ck_assert(ip_parse(&ip, STR_OF("::2")) && !ip_is_loopback(&ip));
	ck_assert(!ip_is_loopback(&(struct ip_port){ .family = AF_UNIX }));
	ck_assert(!ip_is_loopback(&(struct ip_port){ .family = 0 }));
}
END_TEST

START_TEST(ranges)
{
	static const struct {
		const char *range, *ip;
		bool has;
	} cases[] = {
		{ "10.0.0.0/8", "10.255.0.1", true },
		{ "10.0.0.0/8", "11.0.0.1", false },
		{ "10.1.2.3/8", "10.255.0.1", true },
		{ "10.0.0.0/8", "::ffff:10.0.0.1", true },
		{ "10.0.0.0/9", "10.127.0.1", true },
		{ "10.0.0.0/9", "10.128.0.1", false },
		{ "10.0.0.1", "10.0.0.1", true },
		{ "10.0.0.1", "10.0.0.2", false },
		{ "10.0.0.0/31", "10.0.0.1", true },
		{ "10.0.0.0/31", "10.0.0.2", false },
		{ "0.0.0.0/0", "200.1.2.3", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "2001:db8::1", true },
		{ "::/0", "10.0.0.1", false },
		{ "::ffff:10.0.0.0/104", "10.1.1.1", true },
		{ "::ffff:10.0.0.0/104", "11.1.1.1", false },
		{ "::ffff:0:0/96", "10.0.0.1", true },
		{ "2001:db8::/32", "2001:db8:ffff::1", true },
		{ "2001:db8::/32", "2001:db9::1", false },
		{ "[2001:db8::1]", "2001:db8::1", true },
		{ "2001:db8::1/128", "2001:db8::2", false },
		{ "unix", "10.0.0.1", false },
	};
	struct ip_port ip;
	struct cidr c;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		ck_assert(cidr_parse(&c, str_of(cases[i].range)));
		ck_assert(ip_parse(&ip, str_of(cases[i].ip)));
		ck_assert_msg(cidr_has(&c, &ip) == cases[i].has, "%s %s", cases[i].range,
		    cases[i].ip);
	}
}
END_TEST

START_TEST(bad_ranges)
{
	static const char *const bad[] = {
		"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8",
		"10.0.0.0/255.0.0.0", "10.0.0.0/8 ", "::/129", "10/8", "unix/8", "Unix",
		"example.com",
	};
	struct cidr c;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		ck_assert_msg(!cidr_parse(&c, str_of(bad[i])), "%s", bad[i]);
	ck_assert(!cidr_parse(&c, str_make(NULL, 0)));
}
END_TEST

START_TEST(unix_and_lists)
{
	const struct ip_port local = { .family = AF_UNIX }, unknown = { .family = 0 };
	struct cidr c[2];

	ck_assert(cidr_parse(&c[0], STR_OF("::/0")));
	ck_assert(cidr_parse(&c[1], STR_OF("unix")));
	ck_assert(!cidr_has(&c[0], &local));
	ck_assert(cidr_has(&c[1], &local));
	ck_assert(cidrs_have(c, 2, &local));
	ck_assert(!cidrs_have(c, 1, &local));
	ck_assert(!cidrs_have(c, 2, &unknown));
	ck_assert(!cidrs_have(NULL, 0, &local));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("addr");
	TCase *tc = tcase_create("addr");

	tcase_add_test(tc, socket_addresses);
	tcase_add_test(tc, ports_and_equality);
	tcase_add_test(tc, ip_addresses);
	tcase_add_test(tc, conversions);
	tcase_add_test(tc, loopback);
	tcase_add_test(tc, ranges);
	tcase_add_test(tc, bad_ranges);
	tcase_add_test(tc, unix_and_lists);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
