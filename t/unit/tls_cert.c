/* tls_cert.c, tls_key.c: certificate chains with their keys. */

#include "unit.h"

#include "base/buf.h"
#include "base/clock.h"
#include "net/tls_cert.h"
#include "tls_fixture.h"

static char error[TLS_ERROR_TEXT];

static struct tls_cert *
parse(const char *chain, const char *key, const char *passphrase)
{
	error[0] = '\0';
	return tls_cert_new(str_of(chain), str_of(key), str_of(passphrase), error);
}

/* The PEM texts of a chain. */
static char *
join(const char *a, const char *b)
{
	struct buf buf;

	buf_init(&buf);
	buf_cstr(&buf, a);
	buf_cstr(&buf, b);
	return buf_text(&buf);
}

START_TEST(facts)
{
	struct made m = fixture_make((struct wish){ .cn = "Shop", .names = "DNS:Shop.test" });
	struct made r = fixture_make((struct wish){ .cn = "r.test", .rsa = true, .end_days = 5 });
	struct tls_cert *c = parse(m.cert_pem, m.key_pem, NULL), *d;

	clock_update();
	ck_assert_msg(c != NULL, "%s", error);
	ck_assert(str_eq(tls_cert_key_type(c), STR_OF("ECDSA")));
	ck_assert(str_eq(tls_cert_subject(c), STR_OF("CN=Shop")));
	ck_assert(tls_cert_not_before_wall_ms(c) < clock_wall_ms());
	ck_assert(llabs(tls_cert_not_after_wall_ms(c) - clock_wall_ms() - 90 * 86400000LL) < 60000);
	ck_assert_ptr_null(tls_cert_chain_problem(c));
	d = parse(r.cert_pem, r.key_pem, NULL);
	ck_assert_msg(d != NULL, "%s", error);
	ck_assert(str_eq(tls_cert_key_type(d), STR_OF("RSA")));
	ck_assert_int_ne(memcmp(tls_cert_fingerprint(c), tls_cert_fingerprint(d), 32), 0);
	tls_cert_unref(tls_cert_ref(c));
	tls_cert_unref(c);
	tls_cert_unref(d);
	tls_cert_unref(NULL);
	fixture_free(&m);
	fixture_free(&r);
}
END_TEST

static const struct {
	const char *name;
	bool covered;
} covered[] = {
	{ "shop.test", true }, { "SHOP.test", true }, { "a.example.com", true },
	{ "*.example.com", true }, { "example.com", false }, { "a.b.example.com", false },
	{ ".example.com", false }, { "*.shop.test", false }, { "shop.test.", false },
	{ "cn.test", false }, { "127.0.0.1", true }, { "127.0.0.2", false }, { "[::1]", true },
	{ "::1", true }, { "", false }, { "*.*.com", false }, { "*", false },
};

START_TEST(names_covered)
{
	struct made m = fixture_make((struct wish){ .cn = "cn.test",
		.names = "DNS:shop.test,DNS:*.Example.com,IP:127.0.0.1,IP:::1" });
	struct tls_cert *c = parse(m.cert_pem, m.key_pem, NULL);

	ck_assert_msg(tls_cert_covers(c, str_of(covered[_i].name)) == covered[_i].covered, "%s",
	    covered[_i].name);
	tls_cert_unref(c);
	fixture_free(&m);
}
END_TEST

START_TEST(common_name_without_others)
{
	struct made m = fixture_make((struct wish){ .cn = "cn.test" });
	struct tls_cert *c = parse(m.cert_pem, m.key_pem, NULL);

	ck_assert(tls_cert_covers(c, STR_OF("cn.test")));
	ck_assert(!tls_cert_covers(c, STR_OF("x.cn.test")));
	tls_cert_unref(c);
	fixture_free(&m);
}
END_TEST

START_TEST(chains)
{
	struct made ca = fixture_make((struct wish){ .cn = "ca", .ca = true });
	struct made other = fixture_make((struct wish){ .cn = "other", .ca = true });
	struct made leaf = fixture_make((struct wish){ .cn = "leaf", .issuer = &ca });
	char *good = join(leaf.cert_pem, ca.cert_pem);
	char *foreign = join(leaf.cert_pem, other.cert_pem);
	char *reversed = join(ca.cert_pem, leaf.cert_pem);
	struct tls_cert *c = parse(good, leaf.key_pem, NULL);

	ck_assert_msg(c != NULL, "%s", error);
	ck_assert_ptr_null(tls_cert_chain_problem(c));
	tls_cert_unref(c);
	c = parse(foreign, leaf.key_pem, NULL);
	ck_assert_ptr_nonnull(strstr(tls_cert_chain_problem(c), "certificate 2"));
	tls_cert_unref(c);
	ck_assert_ptr_null(parse(reversed, leaf.key_pem, NULL));
	ck_assert_ptr_nonnull(strstr(error, "belongs to certificate 2"));
	mem_free(good);
	mem_free(foreign);
	mem_free(reversed);
	fixture_free(&ca);
	fixture_free(&other);
	fixture_free(&leaf);
}
END_TEST

START_TEST(malformed)
{
	struct made m = fixture_make((struct wish){ .cn = "a" });
	struct made n = fixture_make((struct wish){ .cn = "b" });
	char *half = mem_strndup(m.cert_pem, strlen(m.cert_pem) / 2);
	char *and_half = join(m.cert_pem, half);

	ck_assert_ptr_null(parse("", m.key_pem, NULL));
	ck_assert_ptr_nonnull(strstr(error, "no certificates"));
	ck_assert_ptr_null(parse(half, m.key_pem, NULL));
	ck_assert_ptr_null(parse(and_half, m.key_pem, NULL));
	ck_assert_ptr_null(parse(m.cert_pem, "", NULL));
	ck_assert_ptr_nonnull(strstr(error, "no private key"));
	ck_assert_ptr_null(parse(m.cert_pem, m.cert_pem, NULL));
	ck_assert_ptr_null(parse(m.cert_pem, n.key_pem, NULL));
	ck_assert_ptr_nonnull(strstr(error, "does not fit"));
	mem_free(half);
	mem_free(and_half);
	fixture_free(&m);
	fixture_free(&n);
}
END_TEST

START_TEST(encrypted_key)
{
	struct made m = fixture_make((struct wish){ .cn = "a" });
	BIO *bio = BIO_new(BIO_s_mem());
	struct tls_cert *c;
	char *sealed;

	PEM_write_bio_PrivateKey(bio, m.key, EVP_aes_256_cbc(), (const unsigned char *)"secret", 6,
	    NULL, NULL);
	sealed = fixture_text(bio);
	ck_assert_ptr_null(parse(m.cert_pem, sealed, NULL));
	ck_assert_ptr_nonnull(strstr(error, "set tls_key_passphrase"));
	ck_assert_ptr_null(parse(m.cert_pem, sealed, "wrong"));
	ck_assert_ptr_nonnull(strstr(error, "does not open"));
	c = parse(m.cert_pem, sealed, "secret");
	ck_assert_msg(c != NULL, "%s", error);
	tls_cert_unref(c);
	mem_free(sealed);
	fixture_free(&m);
}
END_TEST

START_TEST(weak_key_refused)
{
	struct made m = { X509_new(), EVP_RSA_gen(512), NULL, NULL };
	BIO *cert = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());

	X509_gmtime_adj(X509_getm_notBefore(m.x), 0);
	X509_gmtime_adj(X509_getm_notAfter(m.x), 86400);
	X509_set_pubkey(m.x, m.key);
	ck_assert_int_gt(X509_sign(m.x, m.key, EVP_sha256()), 0);
	PEM_write_bio_X509(cert, m.x);
	PEM_write_bio_PrivateKey(key, m.key, NULL, NULL, 0, NULL, NULL);
	m.cert_pem = fixture_text(cert);
	m.key_pem = fixture_text(key);
	ck_assert_ptr_null(parse(m.cert_pem, m.key_pem, NULL));
	ck_assert_ptr_nonnull(strstr(error, "cannot be used"));
	fixture_free(&m);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("tls_cert");
	TCase *tc = tcase_create("all");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, facts);
	tcase_add_loop_test(tc, names_covered, 0, (int)(sizeof(covered) / sizeof(covered[0])));
	tcase_add_test(tc, common_name_without_others);
	tcase_add_test(tc, chains);
	tcase_add_test(tc, malformed);
	tcase_add_test(tc, encrypted_key);
	tcase_add_test(tc, weak_key_refused);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
