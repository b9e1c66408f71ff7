/*
 * tls_info.c - facts about a connection, once its handshake is complete.
 */
#include <openssl/bn.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/tls_cert_internal.h"
#include "net/tls_transport.h"

enum { SHA1_BYTES = 20 };

static void
add_serial(struct buf *b, const X509 *x)
{
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
	char *hex = number != NULL ? BN_bn2hex(number) : NULL;

	buf_cstr(b, hex != NULL ? hex : "");
	OPENSSL_free(hex);
	BN_free(number);
}

static void
add_fingerprint(struct buf *b, const X509 *x)
{
	uint8_t sum[SHA1_BYTES];
	unsigned n = sizeof(sum);

	if (X509_digest(x, EVP_sha1(), sum, &n) == 1)
		for (unsigned i = 0; i < n; i++)
			buf_printf(b, "%02x", sum[i]);
}

/* Moves the text to the connection and cuts it at the NULs. */
static void
set_identity(struct tls_conn *c, struct buf *b)
{
	struct tls_info *info = &c->info;
	char *subject = buf_text(b);
	char *serial = subject + strlen(subject) + 1;

	c->identity = subject;
	info->client_subject = str_of(subject);
	info->client_serial = str_of(serial);
	info->client_fingerprint = str_of(serial + info->client_serial.n + 1);
}

static void
read_client(struct tls_conn *c, const X509 *x)
{
	long result = SSL_get_verify_result(c->ssl);
	struct buf b;
	char *subject;

	buf_init(&b);
	if (result != X509_V_OK) {
		buf_printf(&b, "FAILED:%s", X509_verify_cert_error_string(result));
		c->info.client_verify = c->identity = buf_text(&b);
		return;
	}
	c->info.client_verify = "SUCCESS";
	subject = tls_cert_name_text(X509_get_subject_name(x));
	buf_cstr(&b, subject);
	mem_free(subject);
	buf_char(&b, '\0');
	add_serial(&b, x);
	buf_char(&b, '\0');
	add_fingerprint(&b, x);
	set_identity(c, &b);
}

void
tls_info_fill(struct tls_conn *c)
{
	struct tls_info *info = &c->info;
	const unsigned char *alpn = NULL;
	unsigned n = 0;
	const X509 *x = SSL_get0_peer_certificate(c->ssl);

	info->ready = true;
	info->resumed = SSL_session_reused(c->ssl) == 1;
	info->protocol = str_of(SSL_get_version(c->ssl));
	info->cipher = str_of(SSL_get_cipher_name(c->ssl));
	SSL_get0_alpn_selected(c->ssl, &alpn, &n);
	info->alpn = str_make((const char *)alpn, n);
	if (c->role->server && x != NULL)
		read_client(c, x);
}
