/*
 * sites.c - which certificates and which policy a TLS connection gets, and what it may ask for.
 */
#include "proxy/tls/sites.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"
#include "conf/load.h"
#include "proxy/route/host_map.h"

enum { HTTPS_PORT = 443 };

/* What a server name stands for at one listener. */
struct site {
	struct tls_site tls;
	const struct conf_host *host;	/* NULL: the listener itself */
	bool named;			/* the client named the host */
};

/* A policy that hosts with the same rules for client certificates share. */
struct shared_policy {
	struct tls_policy *policy;	/* NULL after an error */
	struct shared_policy *next;
};

/* One TLS listener. */
struct entrance {
	struct tls_listener tls;
	const struct conf_listen *listen;
	const struct sites *sites;
	struct tls_policy *policy;	/* the listener's own */
	struct map policies;		/* of hosts that differ from it, by what differs */
	struct shared_policy *shared;	/* the same as a list */
	struct site own;		/* without a server name, or without any [host] */
	struct site other;		/* default_host, for names that nobody has */
	struct site *hosts;		/* by the index of the host */
};

struct sites {
	const struct conf_snapshot *conf;
	struct host_map *names;
	struct arena arena;
	struct entrance **entrances;	/* by the listener's index; NULL: no TLS */
	unsigned **certs;		/* of hosts, by their index */
	uint16_t *ports;		/* likewise; the last one without a host */
};

/* --- the choice ---------------------------------------------------------------------------- */

static const struct site *
find_site(const struct entrance *e, struct str name)
{
	const struct sites *s = e->sites;
	struct str rest = name;
	int host;

	if (name.n == 0 || s->conf->nhosts == 0)
		return &e->own;
	host = host_map_exact(s->names, e->listen, name);
	if (host == HOST_NONE)
		host = host_map_wildcard(s->names, e->listen, &rest);
	return host != HOST_NONE ? &e->hosts[host] : &e->other;
}

/* A site without certificates is nobody's: the handshake is refused. */
static const struct tls_site *
choose(void *arg, struct str name)
{
	const struct site *site = find_site(arg, name);

	return site->tls.ncerts > 0 ? &site->tls : NULL;
}

/* --- building ------------------------------------------------------------------------------ */

static unsigned *
numbers(struct sites *s, struct conf_certificate *const *certificates, unsigned n)
{
	unsigned *list = arena_alloc(&s->arena, (n + 1) * sizeof(*list));

	for (unsigned i = 0; i < n; i++)
		list[i] = certificates[i]->index;
	return list;
}

/* The rules for client certificates that hold for a host at a listener. */
static struct conf_clients
effective_clients(const struct conf_listen *l, const struct conf_host *h)
{
	struct conf_clients c = l->clients;

	if (h == NULL)
		return c;
	if (h->clients.verify != CLIENT_VERIFY_LISTENER)
		c.verify = h->clients.verify;
	/* Lists of revoked certificates belong to a CA: with another CA, that of the listener says
	 * nothing. */
	if (h->clients.ca.path.p != NULL) {
		c.ca = h->clients.ca;
		c.crl = h->clients.crl;
	} else if (h->clients.crl.path.p != NULL) {
		c.crl = h->clients.crl;
	}
	return c;
}

/* What is wrong is of the host (NULL: none), if it says anything of it, or else of the listener. */
static void
refuse(const struct conf_snapshot *snapshot, const struct conf_listen *l,
    const struct conf_host *h, const char *error, struct conf_errors *errors)
{
	const struct conf_origin none = { NULL, 0 };
	struct conf_origin at = none;
	struct str rest = str_of(error), key;

	(void)str_cut(&rest, ':', &key);
	if (h != NULL)
		at = conf_origin_of(snapshot, KIND_HOST, h->name, key, none);
	if (at.file != NULL)
		conf_error(errors, at, "[host %.*s] %s", STR_ARG(h->name), error);
	else
		conf_error(errors, conf_origin_of(snapshot, KIND_LISTEN, l->name, key, l->at),
		    "[listen %.*s] %s", STR_ARG(l->name), error);
}

/* Of a listener, or of a host on it with rules `c` of its own. */
static struct tls_policy *
new_policy(const struct sites *s, const struct conf_listen *l, const struct conf_host *h,
    const struct conf_clients *c, struct conf_errors *errors)
{
	static const struct str alpn[] = { STR("http/1.1"), STR("http/1.0") };
	static const enum tls_verify modes[] = {
		[CLIENT_VERIFY_OFF] = TLS_VERIFY_OFF,
		[CLIENT_VERIFY_OPTIONAL] = TLS_VERIFY_OPTIONAL,
		[CLIENT_VERIFY_ON] = TLS_VERIFY_ON,
	};
	char error[TLS_ERROR_TEXT];
	const struct tls_policy_options o = {
		.min_version = l->tls_min == CONF_TLS_1_3 ? 13 : 12,
		.ciphers = l->tls_ciphers,
		.ciphersuites = l->tls_ciphersuites,
		.curves = l->tls_curves,
		.verify = modes[c->verify],
		.client_ca_pem = c->ca.content,
		.client_crl_pem = c->crl.content,
		.tickets = l->tls_tickets,
		.alpn = alpn,
		.nalpn = ARRAY_LEN(alpn),
		.listener = l->name,
	};
	struct tls_policy *policy = tls_policy_new(&o, error);

	if (policy == NULL)
		refuse(s->conf, l, h, error, errors);
	return policy;
}

static bool
has_own_clients(const struct conf_host *h)
{
	return h->clients.verify != CLIENT_VERIFY_LISTENER || h->clients.ca.path.p != NULL ||
	    h->clients.crl.path.p != NULL;
}

/* The policy of a host: the listener's, or one that hosts with the same rules share. */
static struct tls_policy *
policy_of(struct sites *s, struct entrance *e, const struct conf_host *h,
    struct conf_errors *errors)
{
	struct conf_clients c = effective_clients(e->listen, h);
	struct shared_policy *shared;
	struct str key;

	if (!has_own_clients(h))
		return e->policy;
	key = arena_printf(&s->arena, "%d\n%.*s\n%.*s", c.verify, STR_ARG(c.ca.path),
	    STR_ARG(c.crl.path));
	shared = map_get(&e->policies, key);
	if (shared != NULL)
		return shared->policy;
	shared = ARENA_NEW(&s->arena, struct shared_policy);
	shared->policy = new_policy(s, e->listen, h, &c, errors);
	shared->next = e->shared;
	e->shared = shared;
	map_add(&e->policies, key, shared);
	return shared->policy;
}

static void
fill(struct site *site, const struct tls_policy *policy, const unsigned *certs, unsigned ncerts)
{
	site->tls = (struct tls_site){
		.policy = policy, .certs = certs, .ncerts = ncerts, .host = site,
	};
}

static void
add_host(struct sites *s, struct entrance *e, const struct conf_host *h,
    struct conf_errors *errors)
{
	struct site *site = &e->hosts[h->index];

	site->host = h;
	site->named = true;
	if (h->ncertificates > 0)
		fill(site, policy_of(s, e, h, errors), s->certs[h->index], h->ncertificates);
	else
		fill(site, policy_of(s, e, h, errors), e->own.tls.certs, e->own.tls.ncerts);
}

static bool
serves(const struct conf_host *h, const struct conf_listen *l)
{
	for (unsigned i = 0; i < h->nlistens; i++)
		if (h->listens[i] == l)
			return true;
	return h->nlistens == 0;
}

static struct entrance *
new_entrance(struct sites *s, const struct conf_listen *l, struct conf_errors *errors)
{
	struct entrance *e = ARENA_NEW(&s->arena, struct entrance);

	e->listen = l;
	e->sites = s;
	e->tls.choose = choose;
	e->tls.arg = e;
	map_init(&e->policies);
	e->policy = new_policy(s, l, NULL, &l->clients, errors);
	e->hosts = arena_zalloc(&s->arena, (s->conf->nhosts + 1) * sizeof(*e->hosts));
	fill(&e->own, e->policy, numbers(s, l->certificates, l->ncertificates), l->ncertificates);
	for (unsigned i = 0; i < s->conf->nhosts; i++)
		if (serves(s->conf->hosts[i], l))
			add_host(s, e, s->conf->hosts[i], errors);
	if (l->default_host != NULL) {
		e->other = e->hosts[l->default_host->index];
		e->other.tls.host = &e->other;
		e->other.named = false;
	}
	return e;
}

/* 443 if one of the addresses has it, else the first port. */
static uint16_t
port_of(const struct conf_listen *l)
{
	uint16_t port = 0;

	for (unsigned i = 0; i < l->nbinds && port != HTTPS_PORT; i++)
		if (port == 0 || addr_port(&l->binds[i].addr) == HTTPS_PORT)
			port = addr_port(&l->binds[i].addr);
	return port;
}

/* Of the listeners of a host; NULL: of all. */
static uint16_t
find_port(const struct conf_snapshot *c, const struct conf_host *h)
{
	uint16_t found = 0;

	for (unsigned i = 0; i < c->nlistens && found != HTTPS_PORT; i++) {
		const struct conf_listen *l = c->listens[i];

		if (l->tls && (h == NULL || serves(h, l)) &&
		    (found == 0 || port_of(l) == HTTPS_PORT))
			found = port_of(l);
	}
	return found != 0 ? found : HTTPS_PORT;
}

struct sites *
sites_new(const struct conf_snapshot *snapshot, struct conf_errors *errors)
{
	struct sites *s = MEM_NEW(struct sites);

	s->conf = snapshot;
	s->names = host_map_new(snapshot);
	arena_init(&s->arena);
	s->entrances = mem_zalloc(snapshot->nlistens, sizeof(struct entrance *));
	s->certs = mem_zalloc(snapshot->nhosts, sizeof(unsigned *));
	s->ports = mem_zalloc((size_t)snapshot->nhosts + 1, sizeof(*s->ports));
	s->ports[snapshot->nhosts] = find_port(snapshot, NULL);
	for (unsigned i = 0; i < snapshot->nhosts; i++) {
		const struct conf_host *h = snapshot->hosts[i];

		s->certs[i] = numbers(s, h->certificates, h->ncertificates);
		s->ports[i] = find_port(snapshot, h);
	}
	for (unsigned i = 0; i < snapshot->nlistens; i++)
		if (snapshot->listens[i]->tls)
			s->entrances[i] = new_entrance(s, snapshot->listens[i], errors);
	return s;
}

static void
free_policies(struct entrance *e)
{
	for (struct shared_policy *p = e->shared; p != NULL; p = p->next)
		tls_policy_free(p->policy);
	map_fini(&e->policies);
	tls_policy_free(e->policy);
}

void
sites_free(struct sites *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < s->conf->nlistens; i++)
		if (s->entrances[i] != NULL)
			free_policies(s->entrances[i]);
	mem_free(s->entrances);
	mem_free(s->certs);
	mem_free(s->ports);
	host_map_free(s->names);
	arena_fini(&s->arena);
	mem_free(s);
}

void
sites_use(struct sites *s, struct tls_store *certs)
{
	for (unsigned i = 0; i < s->conf->nlistens; i++)
		if (s->entrances[i] != NULL)
			s->entrances[i]->tls.store = certs;
}

/* --- in a worker --------------------------------------------------------------------------- */

const struct tls_listener *
sites_listener(const struct sites *s, const struct conf_listen *listen)
{
	const struct entrance *e = s->entrances[listen->index];

	return e != NULL ? &e->tls : NULL;
}

static bool
covers(const struct entrance *e, const struct site *site, struct str name)
{
	for (unsigned i = 0; i < site->tls.ncerts; i++) {
		const struct tls_cert *cert = tls_store_get(e->tls.store, site->tls.certs[i]);

		if (cert != NULL && tls_cert_covers(cert, name))
			return true;
	}
	return false;
}

enum sites_verdict
sites_check(const struct sites *s, const struct tls_info *tls, const struct conf_listen *listen,
    const struct conf_host *host, struct str name)
{
	const struct entrance *e = s->entrances[listen->index];
	const struct site *site = tls->host;

	if (host == NULL || host == site->host)
		return SITES_FINE;
	if (!tls_policy_same_clients(site->tls.policy, e->hosts[host->index].tls.policy))
		return SITES_OTHER_CLIENTS;
	/* Who named no host is served by default_host under whatever name. */
	if (!site->named && host == listen->default_host)
		return SITES_FINE;
	return covers(e, site, name) ? SITES_FINE : SITES_NOT_COVERED;
}

uint16_t
sites_https_port(const struct sites *s, const struct conf_host *host)
{
	return s->ports[host != NULL ? host->index : s->conf->nhosts];
}
