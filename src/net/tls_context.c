/*
 * tls_context.c - the certificates of a process, and a context for each use that is made of them.
 *
 * A context costs 13 KB and 160 us, so they are made at their first handshake, and only those that
 * were used last are kept.
 */
#include "net/tls_context.h"

#include <openssl/err.h>
#include <stdio.h>

#include "base/check.h"
#include "base/list.h"
#include "base/mem.h"
#include "net/tls_cert_internal.h"
#include "net/tls_error.h"
#include "net/tls_policy.h"
#include "net/tls_transport.h"

enum { CONTEXTS = 1000, BUCKETS = 1024 };

/* What one is looked up by. */
struct key {
	const struct tls_policy *policy;
	const unsigned *certs;
	unsigned ncerts;
};

struct context {
	struct link recent;		/* in the store's list, newest first */
	struct context *next;		/* of the same bucket */
	struct key key;			/* certs is our copy */
	SSL_CTX *ctx;
};

struct tls_store {
	struct tls_cert **certs;
	unsigned n;
	unsigned contexts;
	struct link recent;
	struct context *buckets[BUCKETS];
};

struct tls_store *
tls_store_new(unsigned n)
{
	struct tls_store *s = MEM_NEW(struct tls_store);

	s->certs = mem_zalloc(n > 0 ? n : 1, sizeof(*s->certs));
	s->n = n;
	link_init(&s->recent);
	return s;
}

static struct context **
bucket_of(struct tls_store *s, const struct key *k)
{
	struct str policy = str_make((const char *)&k->policy, sizeof(k->policy));
	struct str certs = str_make((const char *)k->certs, k->ncerts * sizeof(*k->certs));

	return &s->buckets[str_hash(certs, str_hash(policy, 0)) % BUCKETS];
}

static bool
same_key(const struct key *a, const struct key *b)
{
	return a->policy == b->policy && a->ncerts == b->ncerts &&
	    memcmp(a->certs, b->certs, a->ncerts * sizeof(*a->certs)) == 0;
}

/* Open connections keep the SSL_CTX itself. */
static void
forget(struct tls_store *s, struct context *c)
{
	struct context **at = bucket_of(s, &c->key);

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	link_remove(&c->recent);
	s->contexts--;
	SSL_CTX_free(c->ctx);
	mem_free((void *)c->key.certs);
	mem_free(c);
}

void
tls_store_free(struct tls_store *s)
{
	if (s == NULL)
		return;
	LIST_EACH(l, &s->recent)
		forget(s, CONTAINER_OF(l, struct context, recent));
	for (unsigned i = 0; i < s->n; i++)
		tls_cert_unref(s->certs[i]);
	mem_free(s->certs);
	mem_free(s);
}

static bool
uses(const struct context *c, unsigned index)
{
	for (unsigned i = 0; i < c->key.ncerts; i++)
		if (c->key.certs[i] == index)
			return true;
	return false;
}

void
tls_store_set(struct tls_store *s, unsigned index, struct tls_cert *cert)
{
	CHECK(index < s->n);
	LIST_EACH(l, &s->recent) {
		struct context *c = CONTAINER_OF(l, struct context, recent);

		if (uses(c, index))
			forget(s, c);
	}
	tls_cert_unref(s->certs[index]);
	s->certs[index] = cert != NULL ? tls_cert_ref(cert) : NULL;
}

const struct tls_cert *
tls_store_get(const struct tls_store *s, unsigned index)
{
	CHECK(index < s->n);
	return s->certs[index];
}

static bool
fill(const struct tls_store *s, const struct tls_site *site, SSL_CTX *ctx, const char **what)
{
	if (!tls_policy_apply(site->policy, ctx, what))
		return false;
	SSL_CTX_set_tlsext_servername_callback(ctx, tls_check_server_name);
	*what = "certificate";
	for (unsigned i = site->ncerts; i-- > 0;)
		if (!tls_cert_give(s->certs[site->certs[i]], ctx))
			return false;
	return true;
}

static SSL_CTX *
make(const struct tls_store *s, const struct tls_site *site, char error[TLS_ERROR_TEXT])
{
	const char *what = "context";
	SSL_CTX *ctx;

	if (site->ncerts == 0) {
		snprintf(error, TLS_ERROR_TEXT, "no certificate");
		return NULL;
	}
	for (unsigned i = 0; i < site->ncerts; i++)
		if (tls_store_get(s, site->certs[i]) == NULL) {
			snprintf(error, TLS_ERROR_TEXT, "certificate %u was never loaded",
			    site->certs[i]);
			return NULL;
		}
	ERR_clear_error();
	ctx = SSL_CTX_new(TLS_server_method());
	if (ctx != NULL && fill(s, site, ctx, &what))
		return ctx;
	tls_error_report(error, what);
	SSL_CTX_free(ctx);
	return NULL;
}

static struct context *
add(struct tls_store *s, const struct tls_site *site, SSL_CTX *ctx)
{
	struct context *c = MEM_NEW(struct context);
	size_t bytes = site->ncerts * sizeof(*site->certs);
	unsigned *certs = mem_alloc(bytes > 0 ? bytes : 1);
	struct context **at;

	if (s->contexts == CONTEXTS)
		forget(s, CONTAINER_OF(s->recent.prev, struct context, recent));
	memcpy(certs, site->certs, bytes);
	c->key = (struct key){ site->policy, certs, site->ncerts };
	c->ctx = ctx;
	at = bucket_of(s, &c->key);
	c->next = *at;
	*at = c;
	s->contexts++;
	list_prepend(&s->recent, &c->recent);
	return c;
}

SSL_CTX *
tls_context_get(struct tls_store *s, const struct tls_site *site, char error[TLS_ERROR_TEXT])
{
	struct key key = { site->policy, site->certs, site->ncerts };
	SSL_CTX *ctx;

	for (struct context *c = *bucket_of(s, &key); c != NULL; c = c->next) {
		if (!same_key(&c->key, &key))
			continue;
		link_remove(&c->recent);
		list_prepend(&s->recent, &c->recent);
		return c->ctx;
	}
	ctx = make(s, site, error);
	return ctx != NULL ? add(s, site, ctx)->ctx : NULL;
}
