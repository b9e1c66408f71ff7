/*
 * certificates.c - whether the certificates of a configuration are fit for what they are to do.
 */
#include "proxy/tls/certificates.h"

#include <sys/stat.h>

#include "base/clock.h"

#define DAY_MS		(INT64_C(24) * 3600 * 1000)

enum { SOON_DAYS = 30 };

struct checker {
	const struct conf_snapshot *conf;
	const struct tls_store *certs;
	struct conf_errors *errors;
	msec now_wall_ms;
};

/* --- the pairs ----------------------------------------------------------------------------- */

static void
check_time(const struct checker *k, const struct conf_certificate *c, const struct tls_cert *cert)
{
	msec left = tls_cert_not_after_wall_ms(cert) - k->now_wall_ms;

	if (left <= 0)
		conf_error(k->errors, c->at, "%.*s: %.*s: expired %lld days ago (renew"
		    " it)", STR_ARG(c->title), STR_ARG(c->cert_path), (long long)(-left / DAY_MS));
	else if (tls_cert_not_before_wall_ms(cert) > k->now_wall_ms)
		conf_warning(k->errors, c->at, "%.*s: %.*s: is not valid yet (is the"
		    " clock right?)", STR_ARG(c->title), STR_ARG(c->cert_path));
	else if (left < SOON_DAYS * DAY_MS)
		conf_warning(k->errors, c->at, "%.*s: %.*s: expires in %lld days",
		    STR_ARG(c->title), STR_ARG(c->cert_path), (long long)(left / DAY_MS));
}

static void
check_chain(const struct checker *k, const struct conf_certificate *c, const struct tls_cert *cert)
{
	const char *problem = tls_cert_chain_problem(cert);

	if (problem != NULL)
		conf_error(k->errors, c->at, "%.*s: %.*s: %s (put the host's own"
		    " certificate first, and its issuer after each)", STR_ARG(c->title),
		    STR_ARG(c->cert_path), problem);
}

static void
check_mode(const struct checker *k, const struct conf_certificate *c)
{
	struct stat st;

	if (stat(c->key_path.p, &st) == 0 && (st.st_mode & S_IROTH) != 0)
		conf_warning(k->errors, c->at, "%.*s: %.*s: everybody may read this key"
		    " (chmod o= it)", STR_ARG(c->title), STR_ARG(c->key_path));
}

static void
check_pairs(const struct checker *k)
{
	for (unsigned i = 0; i < k->conf->ncertificates; i++) {
		const struct conf_certificate *c = k->conf->certificates[i];
		const struct tls_cert *cert = tls_store_get(k->certs, i);

		check_mode(k, c);
		if (cert == NULL)
			continue;
		check_time(k, c, cert);
		check_chain(k, c, cert);
	}
}

/* --- what they are for --------------------------------------------------------------------- */

/* A name that one of the certificates does not cover, or an absent string. */
static struct str
uncovered(const struct conf_host *h, const struct tls_cert *cert)
{
	for (unsigned i = 0; i < h->names.n; i++)
		if (!tls_cert_covers(cert, h->names.v[i]))
			return h->names.v[i];
	return (struct str){ NULL, 0 };
}

static void
check_names(const struct checker *k, const struct conf_host *h)
{
	for (unsigned i = 0; i < h->ncertificates; i++) {
		const struct conf_certificate *c = h->certificates[i];
		const struct tls_cert *cert = tls_store_get(k->certs, c->index);
		struct str name;

		if (cert == NULL || (name = uncovered(h, cert)).p == NULL)
			continue;
		conf_error(k->errors, c->at, "[host %.*s] certificate: %.*s: does not cover the"
		    " name %.*s (get one that does)", STR_ARG(h->name), STR_ARG(c->cert_path),
		    STR_ARG(name));
	}
}

/* Of two keys of a kind only one would ever be shown. */
static void
check_kinds(const struct checker *k, struct conf_certificate *const *v, unsigned n)
{
	for (unsigned i = 1; i < n; i++) {
		const struct tls_cert *cert = tls_store_get(k->certs, v[i]->index), *other;

		for (unsigned j = 0; j < i && cert != NULL; j++) {
			other = tls_store_get(k->certs, v[j]->index);
			if (other == NULL ||
			    !str_eq(tls_cert_key_type(cert), tls_cert_key_type(other)))
				continue;
			conf_warning(k->errors, v[i]->at, "%.*s: %.*s and %.*s have"
			    " keys of one kind: only one of them is shown",
			    STR_ARG(v[i]->title), STR_ARG(v[j]->cert_path),
			    STR_ARG(v[i]->cert_path));
		}
	}
}

static bool
serves(const struct conf_host *h, const struct conf_listen *l)
{
	for (unsigned i = 0; i < h->nlistens; i++)
		if (h->listens[i] == l)
			return true;
	return h->nlistens == 0;
}

/* A host without certificates of its own shows those of the listener. */
static void
check_borrowed(const struct checker *k, const struct conf_host *h, const struct conf_listen *l)
{
	struct str name = { NULL, 0 };

	if (!l->tls || !serves(h, l))
		return;
	if (l->ncertificates == 0) {
		conf_warning(k->errors, h->at, "[host %.*s]: has no certificate, so that [listen"
		    " %.*s] refuses its names", STR_ARG(h->name), STR_ARG(l->name));
		return;
	}
	for (unsigned i = 0; i < l->ncertificates && name.p == NULL; i++) {
		const struct tls_cert *cert = tls_store_get(k->certs, l->certificates[i]->index);

		if (cert != NULL)
			name = uncovered(h, cert);
	}
	if (name.p != NULL)
		conf_warning(k->errors, h->at, "[host %.*s]: has no certificate, and that of"
		    " [listen %.*s] does not cover %.*s", STR_ARG(h->name), STR_ARG(l->name),
		    STR_ARG(name));
}

void
certificates_check(const struct conf_snapshot *snapshot, const struct tls_store *certs,
    struct conf_errors *errors)
{
	struct checker k = { snapshot, certs, errors, 0 };

	clock_update();
	k.now_wall_ms = clock_wall_ms();
	check_pairs(&k);
	for (unsigned i = 0; i < snapshot->nlistens; i++)
		check_kinds(&k, snapshot->listens[i]->certificates,
		    snapshot->listens[i]->ncertificates);
	for (unsigned i = 0; i < snapshot->nhosts; i++) {
		const struct conf_host *h = snapshot->hosts[i];

		check_names(&k, h);
		check_kinds(&k, h->certificates, h->ncertificates);
		for (unsigned n = 0; h->ncertificates == 0 && n < snapshot->nlistens; n++)
			check_borrowed(&k, h, snapshot->listens[n]);
	}
}
