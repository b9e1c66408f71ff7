/*
 * tls_backends.c - how the servers of each backend are spoken to over TLS.
 */
#include "proxy/tls/tls_backends.h"

#include "base/log.h"
#include "base/mem.h"
#include "conf/load.h"

static bool
names_https(const struct conf_backend *b)
{
	for (unsigned i = 0; i < b->nservers; i++)
		if (b->servers[i].scheme == SCHEME_HTTPS)
			return true;
	return false;
}

static bool
alike(const struct conf_backend *a, const struct conf_backend *b)
{
	return a->tls_verify == b->tls_verify && a->tls_certificate == b->tls_certificate &&
	    str_eq(a->tls_ca.content, b->tls_ca.content);
}

/*
 * Backends that may get an https server at run time, and have none yet, share one client among
 * those alike: for each of them a store of its own would take 1 MB, and 50 ms at load.
 */
static struct tls_client *
shared_client(struct tls_client **clients, const struct conf_snapshot *snapshot, unsigned index)
{
	const struct conf_backend *b = snapshot->backends[index];

	if (names_https(b))
		return NULL;
	for (unsigned i = 0; i < index; i++) {
		const struct conf_backend *other = snapshot->backends[i];

		if (clients[i] != NULL && alike(other, b) && !names_https(other))
			return tls_client_ref(clients[i]);
	}
	return NULL;
}

/* The client of backend `index`; those before it are made.  NULL after an error. */
static struct tls_client *
client_with(struct tls_client **clients, const struct conf_snapshot *snapshot, unsigned index,
    struct tls_cert *cert, char error[TLS_ERROR_TEXT])
{
	const struct conf_backend *b = snapshot->backends[index];
	const struct tls_client_options o = {
		.verify = b->tls_verify,
		.ca_pem = b->tls_ca.content,
		.cert = cert,
	};
	struct tls_client *shared = shared_client(clients, snapshot, index);

	return shared != NULL ? shared : tls_client_new(&o, error);
}

static struct tls_client *
new_client(struct tls_client **clients, const struct conf_snapshot *snapshot, unsigned index,
    const struct tls_store *certs, char error[TLS_ERROR_TEXT])
{
	const struct conf_certificate *c = snapshot->backends[index]->tls_certificate;

	return client_with(clients, snapshot, index, c != NULL ?
	    (struct tls_cert *)tls_store_get(certs, c->index) : NULL, error);
}

/* A backend without a section is that of a bucket, which has its values from [defaults]. */
static void
refuse(const struct conf_snapshot *snapshot, const struct conf_backend *b, const char *error,
    struct conf_errors *errors)
{
	struct str rest = str_of(error), key;

	(void)str_cut(&rest, ':', &key);
	conf_error(errors, conf_origin_of(snapshot, KIND_BACKEND, b->name, key, b->at),
	    "[backend %.*s] %s", STR_ARG(b->name), error);
}

struct tls_client **
tls_backends_new(const struct conf_snapshot *snapshot, const struct tls_store *certs,
    struct conf_errors *errors)
{
	struct tls_client **clients = mem_zalloc(snapshot->nbackends, sizeof(*clients));
	char error[TLS_ERROR_TEXT];

	for (unsigned i = 0; i < snapshot->nbackends; i++) {
		const struct conf_backend *b = snapshot->backends[i];

		if (snapshot->admin.socket.text.p == NULL && !names_https(b))
			continue;
		clients[i] = new_client(clients, snapshot, i, certs, error);
		if (clients[i] == NULL)
			refuse(snapshot, b, error, errors);
	}
	return clients;
}

bool
tls_backends_add(struct tls_client **clients, const struct conf_snapshot *snapshot, unsigned index,
    const struct tls_store *certs)
{
	char error[TLS_ERROR_TEXT];

	clients[index] = new_client(clients, snapshot, index, certs, error);
	if (clients[index] == NULL)
		log_error("backend %.*s: %s", STR_ARG(snapshot->backends[index]->name), error);
	return clients[index] != NULL;
}

void
tls_backends_free(struct tls_client **clients, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (clients[i] != NULL)
			tls_client_free(clients[i]);
	mem_free(clients);
}

void
tls_backends_renew(struct tls_client **clients, const struct conf_snapshot *snapshot,
    unsigned index, struct tls_cert *cert)
{
	char error[TLS_ERROR_TEXT];

	for (unsigned i = 0; i < snapshot->nbackends; i++) {
		const struct conf_backend *b = snapshot->backends[i];
		struct tls_client *client;

		if (clients[i] == NULL || b->tls_certificate == NULL ||
		    b->tls_certificate->index != index)
			continue;
		client = client_with(clients, snapshot, i, cert, error);
		if (client == NULL) {
			log_error("backend %.*s: the new certificate is not used: %s",
			    STR_ARG(b->name), error);
			continue;
		}
		tls_client_free(clients[i]);
		clients[i] = client;
	}
}
