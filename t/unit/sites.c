/* sites.c: which certificate a server name gets, and what a connection may ask for. */

#include "conf_text.h"
#include "unit.h"

#include "proxy/tls/sites.h"
#include "tls_fixture.h"

static const char config[] =
    "[listen web]\nbind = 80\n"
    "[listen tls]\nbind = 8443\ntls = on\ncertificate = /own.pem /own.key\n"
    "[listen bare]\nbind = 8444\ntls = on\n"
    "[listen kind]\nbind = 8445\ntls = on\ndefault_host = a\n"
    "[host a]\nnames = a.test *.a.test\ncertificate = /a.pem /a.key\n"
    "certificate = /rsa.pem /rsa.key\nrespond = 200\n"
    "[host deep]\nnames = *.deep.a.test\ncertificate = /deep.pem /deep.key\nrespond = 200\n"
    "[host only]\nnames = only.test\nlisten = tls web\nrespond = 200\n"
    "[host mtls]\nnames = m.a.test\ncertificate = /a.pem /a.key\nrespond = 200\n";

enum { OF_LISTEN, OF_A, OF_A_TOO, OF_DEEP, CERTS };

static struct loaded loaded;
static struct conf_errors *errors;
static struct sites *sites;
static struct tls_store *store;
static struct made made[CERTS];

static void
put(unsigned index, const char *names, struct made *m)
{
	char error[TLS_ERROR_TEXT];
	struct tls_cert *cert;

	*m = fixture_make((struct wish){ .cn = "x", .names = names });
	cert = tls_cert_new(str_of(m->cert_pem), str_of(m->key_pem), (struct str){ NULL, 0 },
	    error);
	ck_assert_msg(cert != NULL, "%s", error);
	tls_store_set(store, index, cert);
	tls_cert_unref(cert);
}

static void
setup(void)
{
	static struct made ca;

	loaded = conf_text_load(str_of(config));
	ck_assert_str_eq(loaded.messages.p, "");
	ck_assert_uint_eq(loaded.s->ncertificates, CERTS);
	/* Files are not read from memory. */
	ca = fixture_make((struct wish){ .cn = "ca", .ca = true });
	loaded.s->hosts[3]->clients.verify = CLIENT_VERIFY_ON;
	loaded.s->hosts[3]->clients.ca.path = STR_OF("/ca.pem");
	loaded.s->hosts[3]->clients.ca.content = str_of(ca.cert_pem);
	errors = conf_errors_new();
	sites = sites_new(loaded.s, errors);
	ck_assert_uint_eq(conf_errors_count(errors), 0);
	store = tls_store_new(CERTS);
	put(OF_LISTEN, "DNS:own.test", &made[OF_LISTEN]);
	put(OF_A, "DNS:a.test,DNS:*.a.test", &made[OF_A]);
	put(OF_A_TOO, "DNS:a.test,DNS:*.a.test", &made[OF_A_TOO]);
	put(OF_DEEP, "DNS:*.deep.a.test,DNS:only.test", &made[OF_DEEP]);
	sites_use(sites, store);
}

static void
teardown(void)
{
	sites_free(sites);
	tls_store_free(store);
	conf_errors_free(errors);
	conf_text_free(&loaded);
}

static const struct tls_site *
choose(unsigned listen, const char *name)
{
	const struct tls_listener *l = sites_listener(sites, loaded.s->listens[listen]);

	return l->choose(l->arg, name != NULL ? str_of(name) : (struct str){ NULL, 0 });
}

/* The number of the first certificate; -1: refused. */
static int
first(unsigned listen, const char *name)
{
	const struct tls_site *site = choose(listen, name);

	return site != NULL ? (int)site->certs[0] : -1;
}

START_TEST(names)
{
	ck_assert_ptr_null(sites_listener(sites, loaded.s->listens[0]));
	ck_assert_int_eq(first(1, "a.test"), OF_A);
	ck_assert_uint_eq(choose(1, "a.test")->ncerts, 2);
	ck_assert_int_eq(first(1, "x.a.test"), OF_A);
	ck_assert_int_eq(first(1, "x.deep.a.test"), OF_DEEP);
	ck_assert_int_eq(first(1, "only.test"), OF_LISTEN);
	ck_assert_int_eq(first(1, NULL), OF_LISTEN);
	ck_assert_int_eq(first(1, "wrong.test"), -1);
}
END_TEST

START_TEST(no_certificate_is_no_handshake)
{
	ck_assert_int_eq(first(2, "a.test"), OF_A);
	ck_assert_int_eq(first(2, NULL), -1);
	ck_assert_int_eq(first(2, "only.test"), -1);
	ck_assert_int_eq(first(2, "wrong.test"), -1);
}
END_TEST

START_TEST(default_host)
{
	ck_assert_int_eq(first(3, "wrong.test"), OF_A);
	ck_assert_int_eq(first(3, "x.deep.a.test"), OF_DEEP);
	ck_assert_int_eq(first(3, NULL), -1);
}
END_TEST

static enum sites_verdict
ask(unsigned listen, const char *server_name, int host, const char *name)
{
	const struct tls_info info = { .host = choose(listen, server_name)->host };

	return sites_check(sites, &info, loaded.s->listens[listen],
	    host < 0 ? NULL : loaded.s->hosts[host], str_of(name));
}

START_TEST(misdirected)
{
	ck_assert_int_eq(ask(1, "a.test", 0, "a.test"), SITES_FINE);
	ck_assert_int_eq(ask(1, "a.test", 0, "x.a.test"), SITES_FINE);
	ck_assert_int_eq(ask(1, "a.test", 2, "only.test"), SITES_NOT_COVERED);
	ck_assert_int_eq(ask(1, "x.deep.a.test", 2, "only.test"), SITES_FINE);
	ck_assert_int_eq(ask(1, NULL, 0, "a.test"), SITES_NOT_COVERED);
	/* Covered by the name, but nobody asked for a certificate. */
	ck_assert_int_eq(ask(1, "a.test", 3, "m.a.test"), SITES_OTHER_CLIENTS);
	ck_assert_int_eq(ask(1, "m.a.test", 0, "a.test"), SITES_OTHER_CLIENTS);
	ck_assert_int_eq(ask(1, "m.a.test", 3, "m.a.test"), SITES_FINE);
	ck_assert_int_eq(ask(1, NULL, -1, "a.test"), SITES_FINE);
	/* Whom no name chose gets default_host, but who chose another one does not. */
	ck_assert_int_eq(ask(3, "wrong.test", 0, "wrong.test"), SITES_FINE);
	ck_assert_int_eq(ask(3, "x.deep.a.test", 0, "wrong.test"), SITES_NOT_COVERED);
	ck_assert_int_eq(ask(3, "wrong.test", 3, "m.a.test"), SITES_OTHER_CLIENTS);
}
END_TEST

START_TEST(ports)
{
	ck_assert_uint_eq(sites_https_port(sites, loaded.s->hosts[0]), 8443);
	ck_assert_uint_eq(sites_https_port(sites, loaded.s->hosts[2]), 8443);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sites");
	TCase *c = tcase_create("sites");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, names);
	tcase_add_test(c, no_certificate_is_no_handshake);
	tcase_add_test(c, default_host);
	tcase_add_test(c, misdirected);
	tcase_add_test(c, ports);
	suite_add_tcase(suite, c);
	return unit_run(suite);
}
