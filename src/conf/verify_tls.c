/*
 * verify_tls.c - settings of TLS that miss something, or that have no effect where they stand.
 */
#include "conf/inherit.h"
#include "conf/settings.h"
#include "conf/table.h"
#include "conf/verify.h"

static bool
is_tls_key(struct str key)
{
	return str_starts(key, STR_OF("tls_")) || str_eq(key, STR_OF("certificate")) ||
	    str_eq(key, STR_OF("handshake_timeout"));
}

/* Warns of the TLS keys that a section sets in vain.  Those with a default may be as they are. */
static void
warn_idle_keys(struct conf_whole *w, enum conf_kind kind, struct str name, const char *why)
{
	struct conf_document *d = &w->document;
	const struct conf_section *s = conf_document_find(d, kind, name);

	for (const struct conf_setting *set = s->settings; set != NULL; set = set->next)
		if (is_tls_key(set->row->key) && set->row->def == NULL &&
		    !conf_repeats(w, s, set))
			conf_warning(d->errors, set->at, "%.*s %.*s: has no effect (%s)",
			    STR_ARG(conf_section_title(d, s)), STR_ARG(set->row->key), why);
}

static bool
serves(const struct conf_host *h, const struct conf_listen *l)
{
	for (unsigned i = 0; i < h->nlistens; i++)
		if (h->listens[i] == l)
			return true;
	return h->nlistens == 0;
}

static bool
has_certificate(const struct conf_snapshot *s, const struct conf_listen *l)
{
	if (l->ncertificates > 0)
		return true;
	for (unsigned i = 0; i < s->nhosts; i++)
		if (s->hosts[i]->ncertificates > 0 && serves(s->hosts[i], l))
			return true;
	return false;
}

/* The line of a section that has the key, or the section's own. */
static struct conf_origin
place_of(struct conf_whole *w, enum conf_kind kind, struct str name, const char *key)
{
	const struct conf_section *s = conf_document_find(&w->document, kind, name);
	const struct conf_line *line = conf_section_line(s, str_of(key));

	return line != NULL ? line->at : s->at;
}

/* True if the listener, or a host on it, asks clients for certificates. */
static bool
asks_clients(const struct conf_snapshot *s, const struct conf_listen *l)
{
	if (l->clients.verify != CLIENT_VERIFY_OFF)
		return true;
	for (unsigned i = 0; i < s->nhosts; i++) {
		enum conf_client_verify verify = s->hosts[i]->clients.verify;

		if ((verify == CLIENT_VERIFY_OPTIONAL || verify == CLIENT_VERIFY_ON) &&
		    serves(s->hosts[i], l))
			return true;
	}
	return false;
}

static void
check_listen(struct conf_whole *w, const struct conf_listen *l)
{
	struct conf_errors *errors = w->document.errors;

	if (!l->tls) {
		warn_idle_keys(w, KIND_LISTEN, l->name, "add tls = on");
		return;
	}
	if (conf_section_line(conf_document_find(&w->document, KIND_LISTEN, l->name),
	    STR_OF("certificate")) == NULL && !has_certificate(&w->snapshot, l))
		conf_error(errors, place_of(w, KIND_LISTEN, l->name, "tls"), "[listen %.*s] tls:"
		    " there is no certificate (add certificate = /path/to/cert.pem"
		    " /path/to/key.pem here or to a [host])", STR_ARG(l->name));
	if (l->clients.verify != CLIENT_VERIFY_OFF && l->clients.ca.path.p == NULL)
		conf_error(errors, place_of(w, KIND_LISTEN, l->name, "tls_client_verify"),
		    "[listen %.*s] tls_client_verify: whose certificates? (add tls_client_ca ="
		    " /path/to/ca.pem)", STR_ARG(l->name));
	if (l->clients.ca.path.p != NULL && !asks_clients(&w->snapshot, l))
		conf_warning(errors, place_of(w, KIND_LISTEN, l->name, "tls_client_ca"),
		    "[listen %.*s] tls_client_ca: has no effect: no client is asked for a"
		    " certificate (add tls_client_verify = on)", STR_ARG(l->name));
}

/* True if any TLS listener serves the host; `*ca` tells whether all of them have a client CA. */
static bool
has_tls(const struct conf_snapshot *s, const struct conf_host *h, bool *ca)
{
	bool tls = false;

	*ca = true;
	for (unsigned i = 0; i < s->nlistens; i++) {
		const struct conf_listen *l = s->listens[i];

		if (!l->tls || !serves(h, l))
			continue;
		tls = true;
		*ca &= l->clients.ca.path.p != NULL;
	}
	return tls;
}

static void
check_host(struct conf_whole *w, const struct conf_host *h)
{
	enum conf_client_verify verify = h->clients.verify;
	bool ca;

	if (!has_tls(&w->snapshot, h, &ca)) {
		warn_idle_keys(w, KIND_HOST, h->name, "no listener of it has tls = on");
		return;
	}
	if ((verify == CLIENT_VERIFY_OPTIONAL || verify == CLIENT_VERIFY_ON) &&
	    h->clients.ca.path.p == NULL && !ca)
		conf_error(w->document.errors,
		    place_of(w, KIND_HOST, h->name, "tls_client_verify"),
		    "[host %.*s] tls_client_verify: whose certificates? (add tls_client_ca ="
		    " /path/to/ca.pem)", STR_ARG(h->name));
}

static void
warn_unverified(struct conf_whole *w, const struct conf_backend *b)
{
	if (!b->tls_verify)
		conf_warning(w->document.errors, place_of(w, KIND_BACKEND, b->name, "tls_verify"),
		    "[backend %.*s] tls_verify: anybody in between can pass for the servers (for a"
		    " CA of your own write tls_ca = /path/to/ca.pem instead)", STR_ARG(b->name));
}

static void
check_backend(struct conf_whole *w, const struct conf_backend *b)
{
	/* That of a bucket has no section of its own. */
	if (conf_document_find(&w->document, KIND_BACKEND, b->name) == NULL)
		return;
	for (unsigned i = 0; i < b->nservers; i++)
		if (b->servers[i].scheme == SCHEME_HTTPS) {
			warn_unverified(w, b);
			return;
		}
	warn_idle_keys(w, KIND_BACKEND, b->name, "no server of it is https://");
}

void
conf_verify_tls(struct conf_whole *w)
{
	const struct conf_snapshot *s = &w->snapshot;

	for (unsigned i = 0; i < s->nlistens; i++)
		check_listen(w, s->listens[i]);
	for (unsigned i = 0; i < s->nhosts; i++)
		check_host(w, s->hosts[i]);
	for (unsigned i = 0; i < s->nbackends; i++)
		check_backend(w, s->backends[i]);
}
