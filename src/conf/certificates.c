/*
 * certificates.c - the numbers of certificates: one for each pair of files.
 */
#include "conf/certificates.h"

struct collector {
	struct conf_whole *whole;
	struct map seen;		/* "cert\nkey" to the pair */
	struct buf list;		/* of pointers */
	unsigned n;
};

/* Gives the pair its number. */
static void
number(struct collector *c, struct conf_certificate *pair, struct str passphrase)
{
	struct str key = arena_printf(&c->whole->document.arena, "%.*s\n%.*s",
	    STR_ARG(pair->cert_path), STR_ARG(pair->key_path));
	struct conf_certificate *before = map_get(&c->seen, key);

	if (before == NULL) {
		map_add(&c->seen, key, pair);
		pair->index = c->n++;
		buf_add(&c->list, &pair, sizeof(pair));
		before = pair;
	}
	pair->index = before->index;
	if (before->passphrase.p == NULL)
		before->passphrase = passphrase;
}

static bool
listens_at(const struct conf_host *h, const struct conf_listen *l)
{
	for (unsigned i = 0; i < h->nlistens; i++)
		if (h->listens[i] == l)
			return true;
	return h->nlistens == 0;
}

/* The passphrase of the first of the host's TLS listeners that has one. */
static struct str
host_passphrase(const struct conf_snapshot *s, const struct conf_host *h)
{
	for (unsigned i = 0; i < s->nlistens; i++) {
		const struct conf_listen *l = s->listens[i];

		if (l->tls && l->tls_key_passphrase.p != NULL && listens_at(h, l))
			return l->tls_key_passphrase;
	}
	return (struct str){ NULL, 0 };
}

/* All machines and listeners that share a secret open each other's tickets: there is one. */
static void
choose_ticket_secret(struct conf_whole *w)
{
	struct conf_snapshot *s = &w->snapshot;
	const struct conf_listen *first = NULL;

	for (unsigned i = 0; i < s->nlistens; i++) {
		const struct conf_listen *l = s->listens[i];

		if (!l->tls || l->tls_ticket_secret.p == NULL)
			continue;
		if (first == NULL) {
			first = l;
			s->tls_ticket_secret = l->tls_ticket_secret;
		} else if (!str_eq(l->tls_ticket_secret, s->tls_ticket_secret)) {
			conf_error(w->document.errors, l->at, "[listen %.*s] tls_ticket_secret: is"
			    " not that of [listen %.*s] (all listeners share one)",
			    STR_ARG(l->name), STR_ARG(first->name));
		}
	}
}

void
conf_certificates_collect(struct conf_whole *w)
{
	static const struct str none = { NULL, 0 };
	struct conf_snapshot *s = &w->snapshot;
	struct collector c = { .whole = w };

	map_init(&c.seen);
	buf_init(&c.list);
	for (unsigned i = 0; i < s->nlistens; i++) {
		struct conf_listen *l = s->listens[i];

		for (unsigned k = 0; k < l->ncertificates; k++)
			number(&c, l->certificates[k], l->tls_key_passphrase);
	}
	for (unsigned i = 0; i < s->nhosts; i++) {
		struct conf_host *h = s->hosts[i];

		for (unsigned k = 0; k < h->ncertificates; k++)
			number(&c, h->certificates[k], host_passphrase(s, h));
	}
	for (unsigned i = 0; i < s->nbackends; i++) {
		struct conf_backend *b = s->backends[i];

		if (b->tls_certificate != NULL)
			number(&c, b->tls_certificate, none);
	}
	s->ncertificates = c.n;
	s->certificates = arena_alloc(&w->arena, c.list.n + 1);
	if (c.n > 0)
		memcpy(s->certificates, c.list.p, c.list.n);
	buf_fini(&c.list);
	map_fini(&c.seen);
	choose_ticket_secret(w);
}
