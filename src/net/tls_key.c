/*
 * tls_key.c - private keys: read, compared with a certificate, given to a context.
 */
#include "net/tls_key.h"

#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/mem.h"

struct tls_key {
	EVP_PKEY *pkey;
};

struct passphrase {
	struct str text;
	bool asked;
};

/* Always given to OpenSSL, which else asks at the terminal. */
static int
on_passphrase(char *out, int size, int writing, void *arg)
{
	struct passphrase *p = arg;

	(void)writing;
	p->asked = true;
	if (p->text.n == 0 || p->text.n > (size_t)size)
		return -1;
	memcpy(out, p->text.p, p->text.n);
	return (int)p->text.n;
}

/*
 * A key in DER, of any kind.  OpenSSL looks for its decoders anew for each key, which takes 300 us
 * of 325: these are found once.  NULL where that does not work out.
 */
static EVP_PKEY *
decode(const unsigned char *der, size_t n)
{
	static OSSL_DECODER_CTX *decoder;
	static EVP_PKEY *decoded;	/* where its keys come to lie */

	if (decoder == NULL)
		decoder = OSSL_DECODER_CTX_new_for_pkey(&decoded, "DER", NULL, NULL,
		    EVP_PKEY_KEYPAIR, NULL, NULL);
	decoded = NULL;
	if (decoder == NULL || OSSL_DECODER_from_data(decoder, &der, &n) != 1)
		return NULL;
	return decoded;
}

/* The first key of the text if it is a plain one, without a passphrase; else NULL. */
static EVP_PKEY *
read_plain(BIO *bio)
{
	EVP_PKEY *pkey = NULL;
	bool found = false;

	while (!found) {
		char *name, *header;
		unsigned char *der;
		long n;

		if (PEM_read_bio(bio, &name, &header, &der, &n) != 1)
			return NULL;
		found = str_ends(str_of(name), STR_OF("PRIVATE KEY"));
		if (found && header[0] == '\0' && strcmp(name, PEM_STRING_PKCS8) != 0)
			pkey = decode(der, (size_t)n);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(der, (size_t)n);
	}
	return pkey;
}

struct tls_key *
tls_key_new(struct str pem, struct str passphrase, const char **problem)
{
	struct passphrase p = { passphrase, false };
	BIO *bio = BIO_new_mem_buf(pem.n > 0 ? pem.p : "", (int)pem.n);
	EVP_PKEY *pkey = NULL;
	struct tls_key *k;

	ERR_clear_error();
	if (bio != NULL)
		pkey = read_plain(bio);
	if (pkey == NULL && bio != NULL && BIO_reset(bio) == 1)
		pkey = PEM_read_bio_PrivateKey(bio, NULL, on_passphrase, &p);
	BIO_free(bio);
	ERR_clear_error();
	if (pkey == NULL) {
		if (p.asked && passphrase.n == 0)
			*problem = "the key is encrypted: set tls_key_passphrase";
		else if (p.asked)
			*problem = "the key does not open with tls_key_passphrase";
		else
			*problem = "no private key in PEM format (-----BEGIN PRIVATE KEY-----)";
		return NULL;
	}
	k = MEM_NEW(struct tls_key);
	k->pkey = pkey;
	return k;
}

void
tls_key_free(struct tls_key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pkey);
	mem_free(k);
}

bool
tls_key_fits(const struct tls_key *k, X509 *x)
{
	bool fits = X509_check_private_key(x, k->pkey) == 1;

	ERR_clear_error();
	return fits;
}

bool
tls_key_give(const struct tls_key *k, SSL_CTX *ctx, X509 *leaf, STACK_OF(X509) *chain)
{
	return SSL_CTX_use_cert_and_key(ctx, leaf, k->pkey, chain, 1) == 1;
}
