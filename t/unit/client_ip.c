/* client_ip.c: who the client is behind trusted proxies. */

#include "unit.h"

#include "base/check.h"
#include "fixture.h"
#include "proxy/client_ip.h"

#define XFF	CLIENT_IP_XFF
#define FWD	CLIENT_IP_FORWARDED

/* 10.0.0.0/8, 2001:db8:1::/48 and unix sockets are trusted. */
static const struct {
	enum conf_client_ip from;
	const char *peer;		/* "": a unix socket */
	const char *line1, *line2;	/* values of the field; NULL: none */
	const char *client;
	unsigned port;
} cases[] = {
	{ XFF, "10.0.0.1", "192.0.2.1", NULL, "192.0.2.1", 0 },
	{ XFF, "10.0.0.1", NULL, NULL, "10.0.0.1", 0 },
	{ XFF, "198.51.100.1", "192.0.2.1", NULL, "198.51.100.1", 0 },
	{ XFF, "10.0.0.1", "1.1.1.1, 192.0.2.1", NULL, "192.0.2.1", 0 },
	{ XFF, "10.0.0.1", "1.1.1.1,192.0.2.1 , 10.0.0.2", NULL, "192.0.2.1", 0 },
	{ XFF, "10.0.0.1", "10.0.0.3, 10.0.0.2", NULL, "10.0.0.3", 0 },
	{ XFF, "10.0.0.1", "1.1.1.1", "192.0.2.1", "192.0.2.1", 0 },
	{ XFF, "10.0.0.1", "1.1.1.1, 192.0.2.1", "10.0.0.2", "192.0.2.1", 0 },
	{ XFF, "10.0.0.1", "192.0.2.1:4711", NULL, "192.0.2.1", 4711 },
	{ XFF, "10.0.0.1", "2001:db8::5", NULL, "2001:db8::5", 0 },
	{ XFF, "10.0.0.1", "[2001:db8::5]", NULL, "2001:db8::5", 0 },
	{ XFF, "10.0.0.1", "[2001:db8::5]:99", NULL, "2001:db8::5", 99 },
	{ XFF, "10.0.0.1", "::ffff:192.0.2.1", NULL, "192.0.2.1", 0 },
	{ XFF, "2001:db8:1::7", "192.0.2.1", NULL, "192.0.2.1", 0 },
	{ XFF, "", "192.0.2.1", NULL, "192.0.2.1", 0 },
	/* What cannot be read ends the walk: nobody knows who said the rest. */
	{ XFF, "10.0.0.1", "1.1.1.1, unknown", NULL, "10.0.0.1", 0 },
	{ XFF, "10.0.0.1", "1.1.1.1, unknown, 10.0.0.2", NULL, "10.0.0.2", 0 },
	{ XFF, "10.0.0.1", "1.1.1.1,", NULL, "10.0.0.1", 0 },
	{ XFF, "10.0.0.1", "", NULL, "10.0.0.1", 0 },
	{ XFF, "10.0.0.1", "1.1.1.1", "", "10.0.0.1", 0 },
	{ XFF, "10.0.0.1", "1.1.1.1, unix:/x", NULL, "10.0.0.1", 0 },
	{ XFF, "10.0.0.1", "1.1.1.1, 192.0.2.1:0", NULL, "10.0.0.1", 0 },
	{ XFF, "10.0.0.1", "1.1.1.1, *:80", NULL, "10.0.0.1", 0 },
	{ XFF, "10.0.0.1", "1.1.1.1, 80", NULL, "10.0.0.1", 0 },
	{ FWD, "10.0.0.1", "for=192.0.2.1", NULL, "192.0.2.1", 0 },
	{ FWD, "10.0.0.1", "proto=http; For=192.0.2.1;by=x", NULL, "192.0.2.1", 0 },
	{ FWD, "10.0.0.1", "for=1.1.1.1, for=\"192.0.2.1:99\"", NULL, "192.0.2.1", 99 },
	{ FWD, "10.0.0.1", "for=1.1.1.1, for=\"[2001:db8::5]:99\";proto=https", NULL,
	  "2001:db8::5", 99 },
	{ FWD, "10.0.0.1", "for=192.0.2.1", "for=10.0.0.2", "192.0.2.1", 0 },
	{ FWD, "10.0.0.1", "for=1.1.1.1, for=_hidden", NULL, "10.0.0.1", 0 },
	{ FWD, "10.0.0.1", "for=1.1.1.1, proto=http", NULL, "10.0.0.1", 0 },
	{ FWD, "10.0.0.1", "for=1.1.1.1, for", NULL, "10.0.0.1", 0 },
	{ FWD, "10.0.0.1", "for=\"1.1.1.1, for=192.0.2.1", NULL, "192.0.2.1", 0 },
	{ CLIENT_IP_HEADER, "10.0.0.1", "192.0.2.1", NULL, "192.0.2.1", 0 },
};

static void
make_listen(struct conf_listen *listen, struct cidr trusted[3])
{
	ck_assert(cidr_parse(&trusted[0], STR_OF("10.0.0.0/8")));
	ck_assert(cidr_parse(&trusted[1], STR_OF("2001:db8:1::/48")));
	ck_assert(cidr_parse(&trusted[2], STR_OF("unix")));
	*listen = (struct conf_listen){ .client_ip_header = STR("Real-IP") };
	listen->trusted_proxies.v = trusted;
	listen->trusted_proxies.n = 3;
}

static void
set_peer(struct fixture *f, const char *peer)
{
	if (*peer == '\0')
		f->peer.client = (struct ip_port){ .family = AF_UNIX };
	else
		ck_assert(ip_parse(&f->peer.client, str_of(peer)));
}

START_TEST(finds)
{
	static const char *const names[] = {
		[CLIENT_IP_XFF] = "X-Forwarded-For", [CLIENT_IP_FORWARDED] = "Forwarded",
		[CLIENT_IP_HEADER] = "real-ip",
	};
	struct fixture f;
	struct conf_listen listen;
	struct cidr trusted[3];
	char text[ADDR_TEXT];

	fixture_init(&f);
	make_listen(&listen, trusted);
	listen.client_ip_from = cases[_i].from;
	f.x.listen = &listen;
	set_peer(&f, cases[_i].peer);
	/* The other fields, and one that was dropped, say nothing. */
	for (int from = XFF; from <= CLIENT_IP_HEADER; from++)
		if (from != (int)cases[_i].from)
			fixture_field(&f, names[from], from == FWD ? "for=9.9.9.9" : "9.9.9.9");
	if (cases[_i].line1 != NULL)
		fixture_field(&f, names[cases[_i].from], cases[_i].line1);
	if (cases[_i].line2 != NULL)
		fixture_field(&f, names[cases[_i].from], cases[_i].line2);
	fixture_field(&f, names[cases[_i].from], "8.8.8.8");
	f.stream.request.fields.v[f.stream.request.fields.n - 1].gone = true;
	f.x.trusted = client_ip_trusts(&listen, &f.peer.client);
	client_ip_find(&f.x);
	ip_text(&f.x.client, text);
	ck_assert_str_eq(text, cases[_i].client);
	ck_assert_uint_eq(f.x.client.port, cases[_i].port);
	ck_assert(f.x.trusted == (strcmp(cases[_i].peer, "198.51.100.1") != 0));
	fixture_fini(&f);
}
END_TEST

static const struct {
	const char *peer, *proto, *scheme;
} schemes[] = {
	{ "10.0.0.1", "https", "https" },
	{ "10.0.0.1", "HTTPS", "https" },
	{ "10.0.0.1", "http", "http" },
	{ "10.0.0.1", "gopher", "http" },
	{ "10.0.0.1", "", "http" },
	{ "198.51.100.1", "https", "http" },
};

START_TEST(scheme)
{
	struct fixture f;
	struct conf_listen listen;
	struct cidr trusted[3];

	fixture_init(&f);
	make_listen(&listen, trusted);
	f.x.listen = &listen;
	set_peer(&f, schemes[_i].peer);
	fixture_field(&f, "X-Forwarded-Proto", schemes[_i].proto);
	f.x.trusted = client_ip_trusts(&listen, &f.peer.client);
	client_ip_find(&f.x);
	ck_assert(str_eq(f.x.scheme, str_of(schemes[_i].scheme)));
	fixture_fini(&f);
}
END_TEST

/* Without trusted proxies, and on a listener of the admin pages, only the connection counts. */
START_TEST(nobody_is_trusted)
{
	struct fixture f;
	struct conf_listen listen = { .client_ip_from = XFF };
	char text[ADDR_TEXT];

	fixture_init(&f);
	set_peer(&f, "10.0.0.1");
	fixture_field(&f, "X-Forwarded-For", "192.0.2.1");
	f.x.listen = _i == 0 ? NULL : &listen;
	f.x.trusted = true;
	f.x.trusted = client_ip_trusts(&listen, &f.peer.client);
	client_ip_find(&f.x);
	ip_text(&f.x.client, text);
	ck_assert_str_eq(text, "10.0.0.1");
	ck_assert(!f.x.trusted);
	fixture_fini(&f);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("client_ip");
	TCase *tc = tcase_create("client_ip");

	tcase_add_loop_test(tc, finds, 0, ARRAY_LEN(cases));
	tcase_add_loop_test(tc, scheme, 0, ARRAY_LEN(schemes));
	tcase_add_loop_test(tc, nobody_is_trusted, 0, 2);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
