/* certificates.c of proxy/: whether certificates are fit for what they are to do. */

#include "conf_text.h"
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "proxy/tls/certificates.h"
#include "tls_fixture.h"

static const char config[] =
    "[listen tls]\nbind = 8443\ntls = on\ncertificate = /own.pem /own.key\n"
    "[host a]\nnames = a.test *.a.test\ncertificate = /a.pem /a.key\n"
    "certificate = /b.pem /b.key\nrespond = 200\n"
    "[host plain]\nnames = own.test\nrespond = 200\n";

enum { OF_LISTEN, OF_A, OF_A_TOO, CERTS };

static struct loaded loaded;
static struct tls_store *store;

static void
setup(void)
{
	loaded = conf_text_load(str_of(config));
	ck_assert_str_eq(loaded.messages.p, "");
	ck_assert_uint_eq(loaded.s->ncertificates, CERTS);
	store = tls_store_new(CERTS);
}

static void
teardown(void)
{
	tls_store_free(store);
	conf_text_free(&loaded);
}

static void
put(unsigned index, struct wish wish)
{
	char error[TLS_ERROR_TEXT];
	struct made made = fixture_make(wish);
	struct tls_cert *cert = tls_cert_new(str_of(made.cert_pem), str_of(made.key_pem),
	    (struct str){ NULL, 0 }, error);

	ck_assert_msg(cert != NULL, "%s", error);
	tls_store_set(store, index, cert);
	tls_cert_unref(cert);
	fixture_free(&made);
}

static void
ck_says(const char *messages)
{
	struct conf_errors *errors = conf_errors_new();
	struct loaded said;

	certificates_check(loaded.s, store, errors);
	said = conf_text_result(NULL, errors);
	ck_assert_str_eq(said.messages.p, messages);
	conf_text_free(&said);
}

static void
put_good(void)
{
	put(OF_LISTEN, (struct wish){ .cn = "own", .names = "DNS:own.test" });
	put(OF_A, (struct wish){ .cn = "a", .names = "DNS:a.test,DNS:*.a.test" });
	put(OF_A_TOO, (struct wish){ .cn = "a", .names = "DNS:a.test,DNS:*.a.test", .rsa = true });
}

START_TEST(good)
{
	ck_says("");			/* what is missing has been told of */
	put_good();
	ck_says("");
}
END_TEST

START_TEST(names)
{
	put_good();
	put(OF_LISTEN, (struct wish){ .cn = "own", .names = "DNS:x.test" });
	put(OF_A_TOO, (struct wish){ .cn = "a", .names = "DNS:a.test", .rsa = true });
	ck_says("text:8: [host a] certificate: /b.pem: does not cover the name *.a.test (get one"
	    " that does)\n"
	    "text:10: warning: [host plain]: has no certificate, and that of [listen tls] does"
	    " not cover own.test\n");
}
END_TEST

START_TEST(times)
{
	put_good();
	put(OF_LISTEN, (struct wish){ .cn = "own", .names = "DNS:own.test", .begin_days = 3 });
	put(OF_A, (struct wish){ .cn = "a", .names = "DNS:a.test,DNS:*.a.test",
	    .begin_days = -9, .end_days = -2 });
	put(OF_A_TOO, (struct wish){ .cn = "a", .names = "DNS:a.test,DNS:*.a.test", .rsa = true,
	    .end_days = 12 });
	ck_says("text:4: warning: [listen tls] certificate: /own.pem: is not valid yet (is the"
	    " clock right?)\n"
	    "text:7: [host a] certificate: /a.pem: expired 2 days ago (renew it)\n"
	    "text:8: warning: [host a] certificate: /b.pem: expires in 11 days\n");
}
END_TEST

START_TEST(kinds)
{
	put_good();
	put(OF_A_TOO, (struct wish){ .cn = "a", .names = "DNS:a.test,DNS:*.a.test" });
	ck_says("text:8: warning: [host a] certificate: /a.pem and /b.pem have keys of one kind:"
	    " only one of them is shown\n");
}
END_TEST

START_TEST(modes)
{
	char path[] = "/tmp/usherd-key.XXXXXX", text[256];
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	put_good();
	loaded.s->certificates[OF_LISTEN]->key_path = str_of(path);
	ck_assert_int_eq(fchmod(fd, 0640), 0);
	ck_says("");
	ck_assert_int_eq(fchmod(fd, 0644), 0);
	snprintf(text, sizeof(text), "text:4: warning: [listen tls] certificate: %s: everybody may"
	    " read this key (chmod o= it)\n", path);
	ck_says(text);
	close(fd);
	unlink(path);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("proxy_certificates");
	TCase *c = tcase_create("certificates");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, good);
	tcase_add_test(c, names);
	tcase_add_test(c, times);
	tcase_add_test(c, kinds);
	tcase_add_test(c, modes);
	suite_add_tcase(suite, c);
	return unit_run(suite);
}
