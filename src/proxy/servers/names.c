/*
 * names.c - the addresses behind the names of servers, followed without ever blocking.
 */
#include "proxy/servers/names.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "proxy/servers/name.h"

enum {
	WEIGHT_MAX = 256,		/* as in server lines */
	NAME_TEXT = DNS_NAME + 8,
	GATHER_MS = 50,			/* changes within this time are told at once */
};

struct names {
	struct name_env env;
	struct resolver *resolver;	/* with the name servers of what serves */
	struct resolver *coming;	/* with others, of what is coming; NULL: none so far */
	struct link list;
	struct map index;		/* text to struct name */
	unsigned unanswered;		/* names without all of their first answers */
	struct timer gather;
	void (*changed)(void *arg);
	void *arg;

	/* names_wait() */
	struct task settled_task;
	struct timer patience;
	void (*settled)(void *arg);	/* NULL: nobody waits */
	void *settled_arg;

	struct name_target found[NAMES_ADDRESSES];	/* by names_find() */
	bool cut;					/* there were more */
};

/* ---- who is followed */

/* What a server line has to be looked up; absent for addresses and unix sockets. */
static struct str
text_of(const struct conf_server *s, char out[NAME_TEXT])
{
	struct ip_port ip;
	int n;

	if (!s->srv && (s->port == 0 || ip_parse(&ip, s->host)))
		return (struct str){ NULL, 0 };
	n = snprintf(out, NAME_TEXT, "%s%.*s", s->srv ? "srv:" : "", STR_ARG(s->host));
	return str_make(out, n < NAME_TEXT ? (size_t)n : NAME_TEXT - 1);
}

static struct name *
follow(struct names *n, struct resolver *resolver, struct str text, msec resolve_ms)
{
	struct name *name = map_get(&n->index, text);

	if (name == NULL) {
		name = name_new(&n->env, resolver, text);
		list_append(&n->list, &name->link);
		n->unanswered++;
		(void)map_add(&n->index, str_of(name->text), name);
	}
	/* What serves goes before what is coming. */
	if (!name->used || resolver == n->resolver)
		name->resolver = resolver;
	if (!name->used || resolve_ms < name->resolve_ms)
		name_set_resolve(name, resolve_ms);
	name->used = true;
	return name;
}

static void
follow_server(struct names *n, struct resolver *resolver, const struct conf_server *s,
    msec resolve_ms)
{
	char buffer[NAME_TEXT];
	struct str text = text_of(s, buffer);

	if (text.p != NULL)
		follow(n, resolver, text, resolve_ms)->direct = true;
}

/* The targets of services are followed like names of the configuration. */
static void
follow_services(struct names *n)
{
	LIST_EACH(link, &n->list) {
		const struct name *name = CONTAINER_OF(link, struct name, link);
		const struct question *q = &name->questions[0];

		if (!name->used || !name_is_srv(name))
			continue;
		for (unsigned i = 0; i < q->n; i++)
			follow(n, name->resolver, str_of(q->services[i].target),
			    name->resolve_ms);
	}
}

/* Names that are not used go. */
static void
sweep(struct names *n)
{
	map_fini(&n->index);
	map_init(&n->index);
	LIST_EACH(link, &n->list) {
		struct name *name = CONTAINER_OF(link, struct name, link);

		if (name->used) {
			(void)map_add(&n->index, str_of(name->text), name);
			continue;
		}
		if (name->state == NAME_UNKNOWN)
			n->unanswered--;
		name_free(name);
	}
}

static void
follow_used(struct names *n, struct resolver *resolver, const struct names_used *used)
{
	for (unsigned i = 0; i < used->nconfs; i++) {
		for (unsigned k = 0; k < used->confs[i]->nbackends; k++) {
			const struct conf_backend *b = used->confs[i]->backends[k];

			for (unsigned j = 0; j < b->nservers; j++)
				follow_server(n, resolver, &b->servers[j], b->resolve_ms);
		}
	}
	for (unsigned i = 0; i < used->nadded; i++)
		follow_server(n, resolver, used->added[i].server, used->added[i].resolve_ms);
}

/* The name servers of the newest of them; those of /etc/resolv.conf if there is none. */
static const struct conf_global *
newest(const struct names_used *used)
{
	static const struct conf_global none;

	return used->nconfs > 0 ? &used->confs[used->nconfs - 1]->global : &none;
}

/* NULL after an error line. */
static struct resolver *
resolver_of_coming(struct names *n, const struct names_used *coming)
{
	const struct conf_global *g = newest(coming);

	if (resolver_uses(n->resolver, g->name_servers, g->nname_servers))
		return n->resolver;
	if (n->coming == NULL)
		n->coming = resolver_new(n->env.loop);
	if (n->coming != NULL)
		resolver_use(n->coming, g->name_servers, g->nname_servers);
	return n->coming;
}

/* What other name servers did not know, these may know. */
static void
retry_all(struct names *n)
{
	LIST_EACH(link, &n->list)
		name_retry(CONTAINER_OF(link, struct name, link));
}

void
names_use(struct names *n, const struct names_used *serving, const struct names_used *coming)
{
	const struct conf_global *g = newest(serving->nconfs > 0 ? serving : coming);
	bool same = resolver_uses(n->resolver, g->name_servers, g->nname_servers);
	struct resolver *other;

	LIST_EACH(link, &n->list) {
		struct name *name = CONTAINER_OF(link, struct name, link);

		name->direct = name->used = false;
	}
	resolver_use(n->resolver, g->name_servers, g->nname_servers);
	follow_used(n, n->resolver, serving);
	if (coming->nconfs > 0) {
		other = resolver_of_coming(n, coming);
		follow_used(n, other != NULL ? other : n->resolver, coming);
	}
	follow_services(n);
	sweep(n);
	if (!same)
		retry_all(n);
}

/* ---- answers, and waiting for them */

static void
on_gather(struct timer *t)
{
	struct names *n = CONTAINER_OF(t, struct names, gather);

	n->changed(n->arg);
}

static void
run_settled(struct task *t)
{
	struct names *n = CONTAINER_OF(t, struct names, settled_task);
	void (*settled)(void *arg) = n->settled;

	if (settled == NULL)
		return;
	n->settled = NULL;
	loop_timer_cancel(n->env.loop, &n->patience);
	settled(n->settled_arg);
}

static void
on_patience(struct timer *t)
{
	struct names *n = CONTAINER_OF(t, struct names, patience);

	run_settled(&n->settled_task);
}

void
names_wait(struct names *n, msec patience_ms, void (*settled)(void *arg), void *arg)
{
	n->settled = settled;
	n->settled_arg = arg;
	loop_timer_set(n->env.loop, &n->patience, clock_ms() + patience_ms);
	if (n->unanswered == 0)
		loop_post(n->env.loop, &n->settled_task);
}

/* Other services have other targets. */
static void
renew_services(struct names *n)
{
	LIST_EACH(link, &n->list) {
		struct name *name = CONTAINER_OF(link, struct name, link);

		name->used = name->direct;
	}
	follow_services(n);
	sweep(n);
}

static void
on_answered(void *arg, struct name *name, bool changed, bool complete)
{
	struct names *n = arg;

	if (changed && name_is_srv(name))
		renew_services(n);
	if (changed && n->gather.deadline_ms == TIMER_NEVER)
		loop_timer_set(n->env.loop, &n->gather, clock_ms() + GATHER_MS);
	if (complete)
		n->unanswered--;
	if (n->settled != NULL && n->unanswered == 0)
		loop_post(n->env.loop, &n->settled_task);
}

/* ---- what is known */

static struct name_target *
add_found(struct names *n, unsigned *nv)
{
	struct name_target *t;

	if (*nv == NAMES_ADDRESSES) {
		n->cut = true;
		return NULL;
	}
	t = &n->found[(*nv)++];
	*t = (struct name_target){ .weight = 0 };
	return t;
}

static bool
is_loopback(const struct addr *a)
{
	struct ip_port ip;

	ip_port_from(&ip, &a->sa);
	return ip_is_loopback(&ip);
}

/* Whether IPv6 is only the other way to the same server of this machine. */
static bool
is_local(const struct name *name)
{
	for (unsigned i = 0; i < name->nquestions; i++) {
		const struct question *q = &name->questions[i];

		if (q->n == 0)
			return false;
		for (unsigned k = 0; k < q->n; k++)
			if (!is_loopback(&q->addrs[k]))
				return false;
	}
	return true;
}

static void
add_addresses(struct names *n, unsigned *nv, const struct name *name,
    const struct name_target *like, uint16_t port)
{
	bool local = is_local(name);

	for (unsigned i = 0; i < name->nquestions; i++) {
		const struct question *q = &name->questions[i];

		for (unsigned k = 0; k < q->n; k++) {
			struct name_target *t = add_found(n, nv);

			if (t == NULL)
				return;
			*t = *like;
			t->addr = q->addrs[k];
			addr_set_port(&t->addr, port);
			if (local && q->type == RESOLVER_AAAA)
				t->backup = true;
		}
	}
}

/* The largest weight becomes 256 if it is more, and the others keep their proportion to it. */
static uint16_t
scaled(unsigned weight, unsigned largest)
{
	if (largest > WEIGHT_MAX)
		weight = weight * WEIGHT_MAX / largest;
	return (uint16_t)(weight > 0 ? weight : 1);
}

static void
add_services(struct names *n, unsigned *nv, const struct question *q)
{
	unsigned largest = 0;

	for (unsigned i = 0; i < q->n; i++)
		if (q->services[i].weight > largest)
			largest = q->services[i].weight;
	for (unsigned i = 0; i < q->n; i++) {
		const struct dns_srv *service = &q->services[i];
		const struct name *name = map_get(&n->index, str_of(service->target));
		struct name_target like = {
			.host = str_of(service->target),
			.weight = scaled(service->weight, largest),
			.backup = service->priority != q->services[0].priority,
		};

		if (name != NULL)
			add_addresses(n, nv, name, &like, service->port);
	}
}

/* False for a name. */
static bool
literal(const struct conf_server *s, struct addr *a)
{
	struct ip_port ip;

	if (s->srv)
		return false;
	if (s->port == 0) {
		*a = (struct addr){ .len = sizeof(a->un) };
		a->un.sun_family = AF_UNIX;
		CHECK(s->host.n < sizeof(a->un.sun_path));
		memcpy(a->un.sun_path, s->host.p, s->host.n);
		return true;
	}
	if (!ip_parse(&ip, s->host))
		return false;
	ip.port = s->port;
	addr_from_ip_port(a, &ip);
	return true;
}

static bool
any_answer(const struct name *name)
{
	for (unsigned i = 0; i < name->nquestions; i++)
		if (name->questions[i].answered)
			return true;
	return false;
}

bool
names_find(struct names *n, const struct conf_server *server, const struct name_target **v,
    unsigned *nv)
{
	struct name_target like = { .host = server->host };
	char buffer[NAME_TEXT];
	struct name *name;

	*v = n->found;
	*nv = 0;
	if (literal(server, &like.addr)) {
		*add_found(n, nv) = like;
		return true;
	}
	name = map_get(&n->index, text_of(server, buffer));
	if (name == NULL)
		return false;
	n->cut = false;
	if (server->srv)
		add_services(n, nv, &name->questions[0]);
	else
		add_addresses(n, nv, name, &like, server->port);
	if (n->cut && !name->told_many) {
		log_warn("name %s: only %u of its addresses are used", name->text, *nv);
		name->told_many = true;
	}
	return *nv > 0 || any_answer(name);
}

/* ---- beginning and end */

struct names *
names_new(struct loop *loop, void (*changed)(void *arg), void *arg)
{
	struct names *n = MEM_NEW(struct names);

	n->env = (struct name_env){
		.loop = loop,
		.answered = on_answered,
		.arg = n,
	};
	n->resolver = resolver_new(loop);
	if (n->resolver == NULL) {
		mem_free(n);
		return NULL;
	}
	link_init(&n->list);
	map_init(&n->index);
	timer_init(&n->gather, on_gather);
	task_init(&n->settled_task, run_settled);
	timer_init(&n->patience, on_patience);
	n->changed = changed;
	n->arg = arg;
	return n;
}

void
names_free(struct names *n)
{
	if (n == NULL)
		return;
	LIST_EACH(link, &n->list)
		name_free(CONTAINER_OF(link, struct name, link));
	map_fini(&n->index);
	loop_timer_cancel(n->env.loop, &n->gather);
	task_cancel(&n->settled_task);
	loop_timer_cancel(n->env.loop, &n->patience);
	resolver_free(n->resolver);
	resolver_free(n->coming);
	mem_free(n);
}
