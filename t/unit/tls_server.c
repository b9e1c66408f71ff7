/* tls_server.c and what it stands on, tls_client.c: who is let in, and as whom. */

#include "unit.h"

#include "tls_pair.h"

static struct made ca, other_ca, shop, rsa, alice, mallory;
static struct tls_cert *alice_cert, *mallory_cert;
static struct pair pair;

static struct tls_cert *
pair_of(const struct made *m)
{
	char error[TLS_ERROR_TEXT];
	struct tls_cert *c = tls_cert_new(str_of(m->cert_pem), str_of(m->key_pem),
	    (struct str){ NULL, 0 }, error);

	ck_assert_msg(c != NULL, "%s", error);
	return c;
}

static void
setup(void)
{
	ca = fixture_make((struct wish){ .cn = "ca", .ca = true });
	other_ca = fixture_make((struct wish){ .cn = "other ca", .ca = true });
	shop = fixture_make((struct wish){ .cn = "shop", .names = "DNS:shop.test,IP:127.0.0.1",
		.issuer = &ca });
	rsa = fixture_make((struct wish){ .cn = "shop", .names = "DNS:shop.test", .issuer = &ca,
		.rsa = true });
	alice = fixture_make((struct wish){ .cn = "alice", .issuer = &ca, .serial = 0xabc });
	mallory = fixture_make((struct wish){ .cn = "mallory", .issuer = &other_ca });
	alice_cert = pair_of(&alice);
	mallory_cert = pair_of(&mallory);
}

static void
teardown(void)
{
	pair_fini(&pair);
	tls_cert_unref(alice_cert);
	tls_cert_unref(mallory_cert);
	fixture_free(&ca);
	fixture_free(&other_ca);
	fixture_free(&shop);
	fixture_free(&rsa);
	fixture_free(&alice);
	fixture_free(&mallory);
}

static void
serve(const struct tls_policy_options *o)
{
	pair_init(&pair, &shop, o);
	pair_client(&pair, true, ca.cert_pem, NULL);
}

static const struct tls_info *
connected(const char *name)
{
	pair_connect(&pair, name);
	ck_assert_msg(pair_run(&pair, pair_pinged), "server: %s, client: %s",
	    transport_tls_failure(&pair.server.t), transport_tls_failure(&pair.client.t));
	return transport_tls(&pair.server.t);
}

/* Both sides say why there is no connection. */
static void
refused(const char *name, const char *server_says, const char *client_says)
{
	pair_connect(&pair, name);
	ck_assert(pair_run(&pair, pair_ended));
	ck_assert_int_eq(pair.server.end, IO_ERROR);
	ck_assert_msg(strstr(transport_tls_failure(&pair.server.t), server_says) != NULL, "%s",
	    transport_tls_failure(&pair.server.t));
	ck_assert_msg(strstr(transport_tls_failure(&pair.client.t), client_says) != NULL, "%s",
	    transport_tls_failure(&pair.client.t));
}

/* --- names and protocols -------------------------------------------------------------------- */

START_TEST(unknown_name)
{
	serve(NULL);
	pair.known = "shop.test";
	connected("shop.test");
	refused("evil.test", "no host for the server name evil.test", "unrecognized name");
	refused("127.0.0.1", "no server name", "unrecognized name");
	ck_assert_ptr_null(pair.wanted);
}
END_TEST

START_TEST(unknown_protocol)
{
	static const struct str h2[] = { STR("h2") };
	struct tls_policy_options o = pair_policy();

	o.alpn = h2;
	serve(&o);
	refused("shop.test", "no application protocol", "no application protocol");
}
END_TEST

START_TEST(without_certificate)
{
	serve(NULL);
	tls_store_set(pair.store, 0, NULL);
	refused("shop.test", "never loaded", "internal error");
}
END_TEST

START_TEST(versions_and_ciphers)
{
	struct tls_policy_options o = pair_policy();

	o.min_version = 13;
	o.ciphersuites = STR_OF("TLS_CHACHA20_POLY1305_SHA256");
	o.curves = STR_OF("P-384");
	serve(&o);
	ck_assert(str_eq(connected("shop.test")->cipher, STR_OF("TLS_CHACHA20_POLY1305_SHA256")));
}
END_TEST

static const struct {
	struct str ciphers, suites, curves, ca, crl;
	enum tls_verify verify;
	const char *error;
} bad_policies[] = {
	{ .ciphers = STR("NONSENSE"), .error = "tls_ciphers" },
	{ .suites = STR("NONSENSE"), .error = "tls_ciphersuites" },
	{ .curves = STR("NONSENSE"), .error = "tls_curves" },
	{ .verify = TLS_VERIFY_ON, .error = "add tls_client_ca" },
	{ .verify = TLS_VERIFY_ON, .ca = STR("nothing"), .error = "tls_client_ca: no cert" },
};

START_TEST(bad_policy)
{
	struct tls_policy_options o = pair_policy();
	char error[TLS_ERROR_TEXT];

	serve(NULL);
	o.ciphers = bad_policies[_i].ciphers;
	o.ciphersuites = bad_policies[_i].suites;
	o.curves = bad_policies[_i].curves;
	o.client_ca_pem = bad_policies[_i].ca;
	o.verify = bad_policies[_i].verify;
	ck_assert_ptr_null(tls_policy_new(&o, error));
	ck_assert_msg(strstr(error, bad_policies[_i].error) != NULL, "%s", error);
}
END_TEST

/* --- certificates --------------------------------------------------------------------------- */

static const uint8_t *
shown(void)
{
	static uint8_t sum[TLS_FINGERPRINT];
	unsigned n = sizeof(sum);

	X509_digest(SSL_get0_peer_certificate(pair.client.t.tls->ssl), EVP_sha256(), sum, &n);
	return sum;
}

START_TEST(replaced_certificate)
{
	struct made next = fixture_make((struct wish){ .cn = "next", .names = "DNS:shop.test",
		.issuer = &ca });
	struct tls_policy_options o = pair_policy();

	o.tickets = false;
	serve(&o);
	connected("shop.test");
	ck_assert_mem_eq(shown(), tls_cert_fingerprint(tls_store_get(pair.store, 0)), 32);
	pair_certificate(&pair, 0, &next);
	ck_assert_mem_ne(shown(), tls_cert_fingerprint(tls_store_get(pair.store, 0)), 32);
	chain_add_copy(&pair.client.out, "more", 4);
	peer_write(&pair.client);
	pair.server.in.n = 0;
	ck_assert(pair_run(&pair, pair_pinged));
	connected("shop.test");
	ck_assert_mem_eq(shown(), tls_cert_fingerprint(tls_store_get(pair.store, 0)), 32);
	fixture_free(&next);
}
END_TEST

START_TEST(both_key_types)
{
	serve(NULL);
	pair_certificate(&pair, 1, &rsa);
	pair.site.ncerts = 2;
	connected("shop.test");
	ck_assert_mem_eq(shown(), tls_cert_fingerprint(tls_store_get(pair.store, 0)), 32);
}
END_TEST

/* More uses than contexts are kept: those that fall out are made again. */
START_TEST(many_policies)
{
	enum { MANY = 1003 };
	struct tls_policy_options o = pair_policy();
	struct tls_policy **all = mem_zalloc(MANY, sizeof(struct tls_policy *));

	serve(NULL);
	for (int i = 0; i < MANY; i++) {
		all[i] = tls_policy_new(&o, pair.error);
		pair.site.policy = all[i];
		if (i % 50 == 0 || i > 995)
			connected("shop.test");
	}
	pair.site.policy = all[0];
	connected("shop.test");
	pair_certificate(&pair, 0, &shop);
	connected("shop.test");
	pair.site.policy = pair.policy;
	pair_disconnect(&pair);
	tls_store_set(pair.store, 0, NULL);
	for (int i = 0; i < MANY; i++)
		tls_policy_free(all[i]);
	mem_free(all);
}
END_TEST

/* --- client certificates -------------------------------------------------------------------- */

static struct tls_policy_options
asking(enum tls_verify verify)
{
	struct tls_policy_options o = pair_policy();

	o.verify = verify;
	o.client_ca_pem = str_of(ca.cert_pem);
	return o;
}

START_TEST(client_certificate_required)
{
	struct tls_policy_options o = asking(TLS_VERIFY_ON);
	const struct tls_info *info;

	serve(&o);
	refused("shop.test", "did not return a certificate", "");
	pair_client(&pair, true, ca.cert_pem, mallory_cert);
	refused("shop.test", "certificate verify failed: unable to get local issuer", "");
	pair_client(&pair, true, ca.cert_pem, alice_cert);
	info = connected("shop.test");
	ck_assert_str_eq(info->client_verify, "SUCCESS");
	ck_assert(str_eq(info->client_subject, STR_OF("CN=alice")));
	ck_assert(str_eq(info->client_serial, STR_OF("0ABC")));
	ck_assert_uint_eq(info->client_fingerprint.n, 40);
}
END_TEST

START_TEST(client_certificate_optional)
{
	struct tls_policy_options o = asking(TLS_VERIFY_OPTIONAL);
	const struct tls_info *info;

	serve(&o);
	ck_assert_str_eq(connected("shop.test")->client_verify, "NONE");
	pair_client(&pair, true, ca.cert_pem, mallory_cert);
	info = connected("shop.test");
	ck_assert_str_eq(info->client_verify, "FAILED:unable to verify the first certificate");
	ck_assert_ptr_null(info->client_subject.p);
	pair_client(&pair, true, ca.cert_pem, alice_cert);
	ck_assert_str_eq(connected("shop.test")->client_verify, "SUCCESS");
}
END_TEST

START_TEST(revoked_client)
{
	char *revoked = fixture_crl(&ca, 0xabc), *others = fixture_crl(&ca, 0xdef);
	struct tls_policy_options o = asking(TLS_VERIFY_ON);

	o.client_crl_pem = str_of(_i == 0 ? revoked : others);
	serve(&o);
	pair_client(&pair, true, ca.cert_pem, alice_cert);
	if (_i == 0)
		refused("shop.test", "certificate revoked", "");
	else
		ck_assert_str_eq(connected("shop.test")->client_verify, "SUCCESS");
	mem_free(revoked);
	mem_free(others);
}
END_TEST

START_TEST(same_clients)
{
	struct tls_policy_options o = asking(TLS_VERIFY_ON);
	struct tls_policy *a = tls_policy_new(&o, pair.error), *b, *c;

	serve(NULL);
	o.listener = STR_OF("elsewhere");
	o.min_version = 13;
	b = tls_policy_new(&o, pair.error);
	o.verify = TLS_VERIFY_OPTIONAL;
	c = tls_policy_new(&o, pair.error);
	ck_assert(tls_policy_same_clients(a, b));
	ck_assert(!tls_policy_same_clients(a, c));
	ck_assert(!tls_policy_same_clients(a, pair.policy));
	tls_policy_free(a);
	tls_policy_free(b);
	tls_policy_free(c);
}
END_TEST

/* --- resumption ----------------------------------------------------------------------------- */

static struct tls_ticket_key keys[TLS_TICKET_KEYS];
static bool readable;

static bool
read_keys(void *arg, struct tls_ticket_key out[TLS_TICKET_KEYS])
{
	(void)arg;
	memcpy(out, keys, sizeof(keys));
	return readable;
}

static void
use_key(int64_t period)
{
	memmove(&keys[1], &keys[0], 2 * sizeof(keys[0]));
	tls_ticket_derive(STR_OF("secret"), period * 43200000, &keys[0]);
	readable = true;
	tls_tickets_use(read_keys, NULL);
}

static bool
ponged(struct pair *p)
{
	return p->client.in.n >= 4;
}

/* Connects and gets a ticket, which comes with the answer. */
static bool
resumes(const char *name)
{
	bool resumed = connected(name)->resumed;

	chain_add_copy(&pair.server.out, "pong", 4);
	ck_assert(pair_run(&pair, ponged));
	return resumed;
}

START_TEST(resumption)
{
	use_key(40000);
	serve(NULL);
	ck_assert(!resumes("shop.test"));
	ck_assert(resumes("shop.test"));
	readable = false;		/* the last ones go on */
	ck_assert(resumes("shop.test"));
	use_key(40001);
	ck_assert(resumes("shop.test"));
	ck_assert(resumes("shop.test"));
	use_key(40002);
	use_key(40003);
	ck_assert(resumes("shop.test"));
	use_key(40004);
	use_key(40005);
	use_key(40006);
	ck_assert(!resumes("shop.test"));
}
END_TEST

START_TEST(no_resumption_elsewhere)
{
	struct tls_policy_options o = asking(TLS_VERIFY_ON);
	char *crl = fixture_crl(&ca, 0xdef);
	struct tls_policy *first;
	const struct tls_policy *others[3];

	use_key(40000);
	serve(&o);
	first = pair.policy;
	o.listener = STR_OF("elsewhere");
	others[0] = tls_policy_new(&o, pair.error);
	o.listener = STR_OF("main");
	o.client_crl_pem = str_of(crl);
	others[1] = tls_policy_new(&o, pair.error);
	o.client_crl_pem = (struct str){ NULL, 0 };
	o.verify = TLS_VERIFY_OPTIONAL;
	others[2] = tls_policy_new(&o, pair.error);
	pair_client(&pair, true, ca.cert_pem, alice_cert);
	for (int i = 0; i < 3; i++) {
		pair.site.policy = first;
		resumes("shop.test");
		ck_assert(resumes("shop.test"));
		ck_assert_str_eq(transport_tls(&pair.server.t)->client_verify, "SUCCESS");
		ck_assert(str_eq(transport_tls(&pair.server.t)->client_subject,
		    STR_OF("CN=alice")));
		pair.site.policy = others[i];
		ck_assert(!resumes("shop.test"));
	}
	pair.site.policy = first;
	pair_disconnect(&pair);
	for (int i = 0; i < 3; i++)
		tls_policy_free((struct tls_policy *)others[i]);
	mem_free(crl);
}
END_TEST

START_TEST(tickets_off)
{
	struct tls_policy_options o = pair_policy();

	use_key(40000);
	o.tickets = false;
	serve(&o);
	ck_assert(!resumes("shop.test"));
	ck_assert(!resumes("shop.test"));
}
END_TEST

START_TEST(derived_keys)
{
	struct tls_ticket_key a, b;

	serve(NULL);
	tls_ticket_derive(STR_OF("secret"), 43200000LL * 7, &a);
	tls_ticket_derive(STR_OF("secret"), 43200000LL * 8 - 1, &b);
	ck_assert_mem_eq(a.secret, b.secret, sizeof(a.secret));
	ck_assert_mem_eq(a.name, b.name, sizeof(a.name));
	ck_assert_int_eq(b.begin_wall_ms, 43200000LL * 7);
	tls_ticket_derive(STR_OF("secret"), 43200000LL * 8, &b);
	ck_assert_mem_ne(a.secret, b.secret, sizeof(a.secret));
	ck_assert_mem_ne(a.name, b.name, sizeof(a.name));
	tls_ticket_derive(STR_OF("secreT"), 43200000LL * 7, &b);
	ck_assert_mem_ne(a.secret, b.secret, sizeof(a.secret));
}
END_TEST

/* --- towards servers ------------------------------------------------------------------------ */

static void
unverified(const char *name, const char *why)
{
	pair_connect(&pair, name);
	ck_assert(pair_run(&pair, pair_ended));
	ck_assert(transport_tls_verify_failed(&pair.client.t));
	ck_assert_msg(strstr(transport_tls_failure(&pair.client.t), why) != NULL, "%s",
	    transport_tls_failure(&pair.client.t));
	ck_assert_uint_eq(pair.server.in.n, 0);
}

START_TEST(servers_are_verified)
{
	struct made old = fixture_make((struct wish){ .cn = "old", .names = "DNS:shop.test",
		.issuer = &ca, .begin_days = -20, .end_days = -1 });

	serve(NULL);
	connected("shop.test");
	connected("127.0.0.1");
	unverified("api.test", "expected a certificate for api.test, came CN=shop: ");
	unverified("127.0.0.2", "IP address mismatch");
	pair_client(&pair, true, other_ca.cert_pem, NULL);
	unverified("shop.test", "unable to get local issuer certificate");
	pair_client(&pair, true, NULL, NULL);
	unverified("shop.test", "unable to get local issuer certificate");
	pair_client(&pair, false, NULL, NULL);
	connected("api.test");
	ck_assert_str_eq(pair.wanted, "api.test");
	pair_client(&pair, true, ca.cert_pem, NULL);
	pair_certificate(&pair, 0, &old);
	unverified("shop.test", "certificate has expired");
	fixture_free(&old);
}
END_TEST

/* An empty name would be one that every certificate has. */
START_TEST(no_name_no_connection)
{
	serve(NULL);
	pair_connect(&pair, "");
	ck_assert(pair_run(&pair, client_ended));
	ck_assert_int_eq(pair.client.end, IO_ERROR);
}
END_TEST

START_TEST(sessions_are_kept_by_name)
{
	use_key(40000);
	serve(NULL);
	pair_client(&pair, false, NULL, NULL);
	ck_assert(!resumes("a.test"));
	ck_assert(!resumes("b.test"));
	ck_assert(resumes("a.test"));
	for (int i = 0; i < 70; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%d.test", i);
		ck_assert(!resumes(name));
	}
	ck_assert(!resumes("b.test"));
	ck_assert(resumes("n69.test"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("tls_server");
	TCase *tc = tcase_create("all");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, unknown_name);
	tcase_add_test(tc, unknown_protocol);
	tcase_add_test(tc, without_certificate);
	tcase_add_test(tc, versions_and_ciphers);
	tcase_add_loop_test(tc, bad_policy, 0,
	    (int)(sizeof(bad_policies) / sizeof(bad_policies[0])));
	tcase_add_test(tc, replaced_certificate);
	tcase_add_test(tc, both_key_types);
	tcase_add_test(tc, many_policies);
	tcase_add_test(tc, client_certificate_required);
	tcase_add_test(tc, client_certificate_optional);
	tcase_add_loop_test(tc, revoked_client, 0, 2);
	tcase_add_test(tc, same_clients);
	tcase_add_test(tc, resumption);
	tcase_add_test(tc, no_resumption_elsewhere);
	tcase_add_test(tc, tickets_off);
	tcase_add_test(tc, derived_keys);
	tcase_add_test(tc, servers_are_verified);
	tcase_add_test(tc, no_name_no_connection);
	tcase_add_test(tc, sessions_are_kept_by_name);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
