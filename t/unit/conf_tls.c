/* What the configuration says about TLS, and [headers] that add up. */

#include "conf_text.h"
#include "unit.h"

#define SECRET	"0123456789abcdef0123456789abcdef"

START_TEST(values)
{
	struct loaded l = conf_text_load(STR_OF("[defaults]\ntls_min = 1.3\n"
	    "tls_ticket_secret = " SECRET "\n"
	    "[listen web]\nbind = 443\ntls = on\ncertificate = /a.pem /a.key\n"
	    "tls_ciphers = A B\ntls_curves = X25519:P-256\nhandshake_timeout = 3s\n"
	    "tls_tickets = off\ntls_key_passphrase = open sesame\n"
	    "[host h]\nnames = h.test\ncertificate = /b.pem /b.key\ncertificate = /a.pem /a.key\n"
	    "redirect_https = on\nbackend = b\n"
	    "[backend b]\nserver = https://Srv.Test\nserver = https://[::1]:8443\n"
	    "tls_verify = off\ntls_name = Name.Test\ntls_certificate = /b.pem /b.key\n"));
	const struct conf_listen *listen;
	const struct conf_backend *b;

	ck_assert_str_eq(l.messages.p, "text:22: warning: [backend b] tls_verify: anybody in"
	    " between can pass for the servers (for a CA of your own write tls_ca = /path/to/ca.pem"
	    " instead)\n");
	listen = l.s->listens[0];
	ck_assert(listen->tls);
	ck_assert_int_eq(listen->tls_min, CONF_TLS_1_3);
	ck_assert_str_eq(listen->tls_ciphers.p, "A:B");
	ck_assert_str_eq(listen->tls_curves.p, "X25519:P-256");
	ck_assert_int_eq(listen->handshake_timeout_ms, 3000);
	ck_assert(!listen->tls_tickets);
	ck_assert_str_eq(l.s->tls_ticket_secret.p, SECRET);
	ck_assert(l.s->hosts[0]->redirect_https);
	ck_assert_int_eq(l.s->hosts[0]->clients.verify, CLIENT_VERIFY_LISTENER);
	b = l.s->backends[0];
	ck_assert_int_eq(b->servers[0].scheme, SCHEME_HTTPS);
	ck_assert_uint_eq(b->servers[0].port, 443);
	ck_assert_str_eq(b->servers[0].host_field.p, "srv.test");
	ck_assert_str_eq(b->servers[1].host_field.p, "[::1]:8443");
	ck_assert(!b->tls_verify);
	ck_assert_str_eq(b->tls_name.p, "name.test");
	conf_text_free(&l);
}
END_TEST

/* The same two paths have the same number, wherever they stand. */
START_TEST(numbers)
{
	struct loaded l = conf_text_load(STR_OF("[listen web]\nbind = 443\ntls = on\n"
	    "certificate = /a.pem /a.key\ntls_key_passphrase = x\n"
	    "[host h]\nnames = h.test\ncertificate = /b.pem /b.key\ncertificate = /a.pem /a.key\n"
	    "backend = b\n"
	    "[backend b]\nserver = https://s:1\ntls_certificate = /b.pem /b.key\n"));
	struct conf_certificate **v;

	ck_assert_str_eq(l.messages.p, "");
	ck_assert_uint_eq(l.s->ncertificates, 2);
	v = l.s->certificates;
	ck_assert_str_eq(v[0]->cert_path.p, "/a.pem");
	ck_assert_str_eq(v[1]->key_path.p, "/b.key");
	ck_assert_str_eq(v[1]->passphrase.p, "x");
	ck_assert_uint_eq(l.s->hosts[0]->certificates[0]->index, 1);
	ck_assert_uint_eq(l.s->hosts[0]->certificates[1]->index, 0);
	ck_assert_int_eq(l.s->hosts[0]->certificates[1]->at.line, 9);
	ck_assert_uint_eq(l.s->backends[0]->tls_certificate->index, 1);
	conf_text_free(&l);
}
END_TEST

static void
ck_says(const char *text, const char *messages)
{
	struct loaded l = conf_text_load(str_of(text));

	ck_assert_str_eq(l.messages.p, messages);
	conf_text_free(&l);
}

START_TEST(wrong_values)
{
	ck_says("[listen web]\nbind = 443\ntls = on\ncertificate = /a.pem\ncertificate = a.pem b\n"
	    "certificate = auto\ntls_ticket_secret = short\ntls_min = 1.1\n"
	    "[host h]\nnames = h.test\ntls_client_ca = ca.pem\nrespond = 204\n"
	    "[backend b]\nserver = s:1\ntls_name = a/b\n",
	    "text:4: [listen web] certificate: \"/a.pem\" is no certificate with its key (use"
	    " /path/to/cert.pem /path/to/key.pem)\n"
	    "text:5: [listen web] certificate: \"a.pem b\" is no certificate with its key (use"
	    " /path/to/cert.pem /path/to/key.pem)\n"
	    "text:6: [listen web] certificate: \"auto\" is not available in this version (use"
	    " cert.pem key.pem)\n"
	    "text:7: [listen web] tls_ticket_secret: is too short (at least 32 bytes: openssl rand"
	    " -base64 48)\n"
	    "text:8: [listen web] tls_min: \"1.1\" is not one of 1.2, 1.3 (did you mean 1.2?)\n"
	    "text:11: [host h] tls_client_ca: \"ca.pem\" is no absolute path (begin with /)\n"
	    "text:13: warning: [backend b]: nothing uses it\n"
	    "text:15: [backend b] tls_name: \"a/b\" is no name of a server (use app.example.com)\n"
	    "text:15: warning: [backend b] tls_name: has no effect (no server of it is"
	    " https://)\n");
}
END_TEST

START_TEST(what_is_missing)
{
	ck_says("[listen web]\nbind = 443\ntls = on\n[host h]\nnames = h.test\nrespond = 204\n"
	    "tls_client_verify = on\n",
	    "text:3: [listen web] tls: there is no certificate (add certificate ="
	    " /path/to/cert.pem /path/to/key.pem here or to a [host])\n"
	    "text:7: [host h] tls_client_verify: whose certificates? (add tls_client_ca ="
	    " /path/to/ca.pem)\n");
	ck_says("[listen web]\nbind = 80\ncertificate = /a.pem /a.key\ntls_tickets = on\n"
	    "[host h]\nnames = h.test\ncertificate = /a.pem /a.key\nrespond = 204\n",
	    "text:3: warning: [listen web] certificate: has no effect (add tls = on)\n"
	    "text:7: warning: [host h] certificate: has no effect (no listener of it has tls ="
	    " on)\n");
	ck_says("[listen a]\nbind = 1\ntls = on\ncertificate = /a.pem /a.key\n"
	    "tls_ticket_secret = " SECRET "\n[listen b]\nbind = 2\ntls = on\n"
	    "certificate = /a.pem /a.key\ntls_ticket_secret = " SECRET "x\n"
	    "[route r]\nrespond = 204\n",
	    "text:6: [listen b] tls_ticket_secret: is not that of [listen a] (all listeners share"
	    " one)\n");
}
END_TEST

/* Sections of [headers] add up from [defaults] to the route; `headers =` begins anew. */
START_TEST(headers_add_up)
{
	struct loaded l = conf_text_load(STR_OF("[listen web]\nbind = 80\n"
	    "[defaults]\nheaders = d\n[headers d]\npreset = security\n[headers h]\n[headers r]\n"
	    "[host h]\nnames = h.test\nheaders = h\n"
	    "[route a]\nhost = h\npath = /a\nheaders = r\nrespond = 204\n"
	    "[route b]\nhost = h\npath = /b\nheaders =\nheaders = r\nrespond = 204\n"
	    "[route c]\nrespond = 204\n"));
	const struct conf_policy *p;
	struct buf dump;

	ck_assert_str_eq(l.messages.p, "");
	p = l.s->routes[0]->policy;
	ck_assert_uint_eq(p->nheaders, 3);
	ck_assert_str_eq(p->headers[0]->name.p, "d");
	ck_assert_uint_eq(p->headers[0]->npresets, 1);
	ck_assert_str_eq(p->headers[1]->name.p, "h");
	ck_assert_str_eq(p->headers[2]->name.p, "r");
	ck_assert_uint_eq(l.s->routes[1]->policy->nheaders, 1);
	ck_assert_ptr_eq(l.s->routes[2]->policy, l.s->fallback->policy);
	buf_init(&dump);
	conf_dump(l.s, &dump);
	ck_assert_ptr_nonnull(strstr(buf_text(&dump), "headers =\n# text:4\nheaders = d\n"
	    "# text:11\nheaders = h\n# text:15\nheaders = r\n"));
	buf_fini(&dump);
	conf_text_free(&l);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("conf_tls");
	TCase *c = tcase_create("tls");

	tcase_add_test(c, values);
	tcase_add_test(c, numbers);
	tcase_add_test(c, wrong_values);
	tcase_add_test(c, what_is_missing);
	tcase_add_test(c, headers_add_up);
	suite_add_tcase(suite, c);
	return unit_run(suite);
}
