/* own_name.c: the names under which the status pages answer. */

#include "unit.h"

#include "base/check.h"
#include "fixture.h"
#include "proxy/admin/own_name.h"

static struct str configured[] = {
	STR("status.example.com"), STR("*.corp.test"), STR("192.0.2.9"),
};

/* The host as request_check() leaves it: in lower case, without port, brackets and final dot. */
static const struct {
	const char *host;		/* NULL: no Host */
	const char *local;		/* address that the connection reached */
	bool ours;
} cases[] = {
	{ NULL, "127.0.0.1", true },
	{ "localhost", "127.0.0.1", true },
	{ "app.localhost", "127.0.0.1", true },
	{ "127.0.0.1", "127.0.0.1", true },
	{ "127.8.8.8", "127.0.0.1", true },
	{ "::1", "127.0.0.1", true },
	{ "::ffff:127.0.0.1", "127.0.0.1", true },
	{ "198.51.100.1", "198.51.100.1", true },
	{ "2001:db8::1", "2001:db8::1", true },
	{ "2001:db8:0::0:1", "2001:db8::1", true },
	{ "status.example.com", "127.0.0.1", true },
	{ "a.corp.test", "127.0.0.1", true },
	{ "a.b.corp.test", "127.0.0.1", true },
	{ "192.0.2.9", "127.0.0.1", true },
	{ "", "127.0.0.1", true },
	{ "evil.test", "127.0.0.1", false },
	{ "localhost.evil.test", "127.0.0.1", false },
	{ "evillocalhost", "127.0.0.1", false },
	{ ".localhost", "127.0.0.1", false },
	{ "127.0.0.1.evil.test", "127.0.0.1", false },
	{ "198.51.100.2", "198.51.100.1", false },
	{ "0.0.0.0", "127.0.0.1", false },
	{ "2130706433", "127.0.0.1", false },
	{ "0x7f.1", "127.0.0.1", false },
	{ "2001:db8::1", "2001:db8::2", false },
	{ "example.com", "127.0.0.1", false },
	{ "a.status.example.com", "127.0.0.1", false },
	{ "corp.test", "127.0.0.1", false },
	{ ".corp.test", "127.0.0.1", false },
	{ "evilcorp.test", "127.0.0.1", false },
};

START_TEST(names)
{
	static const struct conf_strs some = { configured, ARRAY_LEN(configured) };
	struct fixture f;

	fixture_init(&f);
	f.stream.request.host = str_of(cases[_i].host);
	ck_assert(ip_parse(&f.peer.local, str_of(cases[_i].local)));
	ck_assert(own_name_is(&f.stream, &some) == cases[_i].ours);
	/* No name leads to a unix socket. */
	f.peer.peer = (struct ip_port){ .family = AF_UNIX };
	ck_assert(own_name_is(&f.stream, &some));
	fixture_fini(&f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("own_name");
	TCase *t = tcase_create("all");

	tcase_add_loop_test(t, names, 0, ARRAY_LEN(cases));
	suite_add_tcase(s, t);
	return unit_run(s);
}
