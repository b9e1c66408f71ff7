/*
 * resolver.c - questions to name servers, answered by the event loop; c-ares does the work.
 *
 * Two channels of c-ares: one only looks into files, as a name that stands there has to be answered
 * for both families without asking anybody; the other only asks name servers.
 */
#include "net/resolver.h"

#include <sys/stat.h>

#include <stdio.h>
#include <string.h>

/* Newer ones than 1.27 would warn of calls that older ones have no other for. */
#define CARES_NO_DEPRECATED
#include <ares.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"

enum {
	IN_FLIGHT = 64,			/* questions on their way at once */
	FILES_BATCH = 64,		/* names that are looked up in files in one turn */
	TIMEOUT_MS = 2000,		/* of the first try; c-ares doubles it */
	TRIES = 2,
	FILES_TTL_S = 30,		/* of what stands in /etc/hosts */
	CLASS_IN = 1,
	TYPE_SRV = 33,
};

/* A question that c-ares has.  It cannot give one back: this outlives a query that is cancelled. */
struct job {
	struct link link;
	struct resolver *resolver;
	struct resolver_query *query;	/* NULL: cancelled */
	enum resolver_type type;
};

struct socket {
	struct watcher watcher;
	struct link link;
	struct resolver *resolver;
	struct garbage garbage;
};

struct resolver {
	struct loop *loop;
	ares_channel files;
	ares_channel dns;		/* NULL: to be opened */
	struct link sockets;
	struct link asked;		/* queries that nobody has looked at */
	struct link waiting;		/* queries for name servers */
	struct link jobs;
	unsigned in_flight;
	struct timer timeout;
	struct timer next_turn;
	struct task pump;
	struct addr *servers;
	unsigned nservers;
	bool renew;			/* the channel is to be opened anew */
	struct timespec conf_time;	/* of resolv.conf, when it was read */
	ino_t conf_inode;
	int64_t told_ms;		/* of a channel that cannot be opened */
};

static const char resolv_conf[] = "/etc/resolv.conf";

/* ---- sockets and timeouts of c-ares */

static void
arm(struct resolver *r)
{
	struct timeval tv;

	if (r->dns == NULL || ares_timeout(r->dns, NULL, &tv) == NULL)
		loop_timer_cancel(r->loop, &r->timeout);
	else
		loop_timer_set(r->loop, &r->timeout,
		    clock_ms() + tv.tv_sec * 1000 + tv.tv_usec / 1000 + 1);
}

static void
on_timeout(struct timer *t)
{
	struct resolver *r = CONTAINER_OF(t, struct resolver, timeout);

	ares_process_fd(r->dns, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	arm(r);
}

static void
on_socket(struct watcher *w)
{
	struct resolver *r = CONTAINER_OF(w, struct socket, watcher)->resolver;
	int fd = w->fd, ready = w->ready;

	/* What is not dealt with now is ready again: the watcher is level-triggered. */
	w->ready = 0;
	ares_process_fd(r->dns, (ready & READY_READ) != 0 ? fd : ARES_SOCKET_BAD,
	    (ready & READY_WRITE) != 0 ? fd : ARES_SOCKET_BAD);
	arm(r);
}

static void
free_socket(struct garbage *g)
{
	mem_free(CONTAINER_OF(g, struct socket, garbage));
}

static struct socket *
find_socket(struct resolver *r, int fd)
{
	LIST_EACH(link, &r->sockets) {
		struct socket *s = CONTAINER_OF(link, struct socket, link);

		if (s->watcher.fd == fd)
			return s;
	}
	return NULL;
}

/* c-ares says what it waits for; 0, 0: it is about to close the socket. */
static void
on_wish(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct resolver *r = arg;
	struct socket *s = find_socket(r, fd);

	if (!readable && !writable) {
		if (s == NULL)
			return;
		loop_unwatch(r->loop, &s->watcher);
		link_remove(&s->link);
		loop_discard(r->loop, &s->garbage, free_socket);
		return;
	}
	if (s == NULL) {
		s = MEM_NEW(struct socket);
		s->resolver = r;
		watcher_init(&s->watcher, on_socket);
		list_append(&r->sockets, &s->link);
	}
	/* Without it the question ends with its timeout. */
	if (loop_watch_wanted(r->loop, &s->watcher, fd,
	    (readable ? READY_READ : 0) | (writable ? READY_WRITE : 0)) == -1)
		log_error("resolver: epoll: %m");
}

/* ---- channels */

static void
use_servers(struct resolver *r)
{
	char list[64 * ADDR_TEXT], text[ADDR_TEXT];
	size_t n = 0;

	if (r->nservers == 0)
		return;
	for (unsigned i = 0; i < r->nservers && n < sizeof(list) - ADDR_TEXT; i++) {
		addr_text(&r->servers[i], text);
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", i > 0 ? "," : "", text);
	}
	if (ares_set_servers_ports_csv(r->dns, list) != ARES_SUCCESS)
		log_error("resolver: c-ares does not take %s", list);
}

/* Notes which resolv.conf is read; true if it is another than last time. */
static bool
note_resolv_conf(struct resolver *r)
{
	struct stat st = { 0 };
	bool changed;

	/* Without the file c-ares asks 127.0.0.1. */
	(void)stat(resolv_conf, &st);
	changed = st.st_ino != r->conf_inode || st.st_mtim.tv_sec != r->conf_time.tv_sec ||
	    st.st_mtim.tv_nsec != r->conf_time.tv_nsec;
	r->conf_inode = st.st_ino;
	r->conf_time = st.st_mtim;
	return changed;
}

/* `lookups`: `f` for files, `b` for name servers. */
static int
open_channel(struct resolver *r, ares_channel *channel, const char *lookups)
{
	struct ares_options o = {
		.timeout = TIMEOUT_MS,
		.tries = TRIES,
		.sock_state_cb = on_wish,
		.sock_state_cb_data = r,
	};
	int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB | ARES_OPT_LOOKUPS;
	char copy[4], nothing[] = "/dev/null";
	int error;

	snprintf(copy, sizeof(copy), "%s", lookups);
	o.lookups = copy;
	if (lookups[0] == 'f') {
		/* One that cannot be read shall not keep us from starting. */
		o.resolvconf_path = nothing;
		mask |= ARES_OPT_RESOLVCONF;
	}
#ifdef ARES_OPT_QUERY_CACHE
	/* Who asks before the end of a TTL wants to know what is so now. */
	o.qcache_max_ttl = 0;
	mask |= ARES_OPT_QUERY_CACHE;
#endif
	error = ares_init_options(channel, &o, mask);
	if (error == ARES_SUCCESS)
		return 0;
	if (log_once_a_second(&r->told_ms))
		log_error("resolver: c-ares: %s", ares_strerror(error));
	*channel = NULL;
	return -1;
}

/* Opens the channel to name servers, or keeps it if nothing changed; false: not now. */
static bool
have_channel(struct resolver *r)
{
	if (note_resolv_conf(r))
		r->renew = true;
	if (r->dns != NULL && r->renew) {
		if (r->in_flight > 0)
			return false;	/* the last answer lets us go on */
		ares_destroy(r->dns);
		r->dns = NULL;
	}
	r->renew = false;
	if (r->dns == NULL && open_channel(r, &r->dns, "b") == 0)
		use_servers(r);
	return true;
}

/* ---- answers */

static const char *
reason(int error)
{
	switch (error) {
	case ARES_ENODATA:
		return "it has no record of this kind";
	case ARES_ENOTFOUND:
		return "no such name";
	case ARES_EBADNAME:
	case ARES_EBADQUERY:
		return "it is no name that DNS could have";
	case ARES_ESERVFAIL:
		return "the name server failed";
	case ARES_EREFUSED:
		return "the name server refused";
	case ARES_EFORMERR:
	case ARES_EBADRESP:
		return "the name server's answer is malformed";
	case ARES_ENOTIMP:
		return "the name server does not know such questions";
	case ARES_ETIMEOUT:
		return "no answer from the name server";
	case ARES_ECONNREFUSED:
		return "name servers fail, or cannot be reached";
	default:
		return "c-ares failed";
	}
}

static struct resolver_answer
failure(int error)
{
	bool definite = error == ARES_ENODATA || error == ARES_ENOTFOUND ||
	    error == ARES_EBADNAME || error == ARES_EBADQUERY;

	return (struct resolver_answer){
		.status = definite ? RESOLVER_NONE : RESOLVER_FAILED,
		.why = reason(error),
	};
}

static void
finish(struct job *job, const struct resolver_answer *answer)
{
	struct resolver *r = job->resolver;
	struct resolver_query *q = job->query;

	link_remove(&job->link);
	mem_free(job);
	r->in_flight--;
	if (!link_empty(&r->waiting))
		loop_post(r->loop, &r->pump);
	if (q == NULL)
		return;
	q->job = NULL;
	q->done(q, answer);
}

/* Copies the addresses of one family; `*ttl_s` becomes the shortest TTL. */
static unsigned
copy_addresses(const struct ares_addrinfo *all, int family, struct addr *out, uint32_t *ttl_s)
{
	unsigned n = 0;

	*ttl_s = UINT32_MAX;
	for (const struct ares_addrinfo_node *i = all->nodes; i != NULL; i = i->ai_next) {
		struct addr *a = &out[n];

		if (i->ai_family != family || n == RESOLVER_RECORDS ||
		    i->ai_addrlen > sizeof(a->in6))
			continue;
		*a = (struct addr){ .len = i->ai_addrlen };
		memcpy(&a->sa, i->ai_addr, i->ai_addrlen);
		if (family == AF_INET6)
			a->in6.sin6_scope_id = 0;
		addr_set_port(a, 0);
		if ((uint32_t)i->ai_ttl < *ttl_s)
			*ttl_s = (uint32_t)i->ai_ttl;
		n++;
	}
	for (const struct ares_addrinfo_cname *i = all->cnames; i != NULL; i = i->next)
		if ((uint32_t)i->ttl < *ttl_s)
			*ttl_s = (uint32_t)i->ttl;
	return n;
}

static int
family_of(enum resolver_type type)
{
	return type == RESOLVER_A ? AF_INET : AF_INET6;
}

/* What c-ares found for one family; `addrs` has room for RESOLVER_RECORDS. */
static struct resolver_answer
address_answer(const struct ares_addrinfo *all, enum resolver_type type, struct addr *addrs)
{
	struct resolver_answer answer = { .status = RESOLVER_FOUND, .addrs = addrs };

	answer.n = copy_addresses(all, family_of(type), addrs, &answer.ttl_s);
	return answer.n > 0 ? answer : failure(ARES_ENODATA);
}

static void
on_addresses(void *arg, int error, int timeouts, struct ares_addrinfo *all)
{
	struct job *job = arg;
	struct addr addrs[RESOLVER_RECORDS];
	struct resolver_answer answer;

	(void)timeouts;
	answer = error == ARES_SUCCESS && all != NULL ? address_answer(all, job->type, addrs) :
	    failure(error);
	finish(job, &answer);
	ares_freeaddrinfo(all);
}

static void
on_services(void *arg, int error, int timeouts, unsigned char *message, int n)
{
	struct dns_srv *services;
	struct resolver_answer answer = failure(error);
	int found;

	(void)timeouts;
	if (error != ARES_SUCCESS) {
		finish(arg, &answer);
		return;
	}
	services = mem_zalloc(RESOLVER_RECORDS, sizeof(*services));
	answer = (struct resolver_answer){ .status = RESOLVER_FOUND, .services = services };
	found = dns_srv_parse(message, (size_t)n, services, RESOLVER_RECORDS, &answer.ttl_s);
	if (found > 0)
		answer.n = (unsigned)found;
	else
		answer = failure(found == 0 ? ARES_ENODATA : ARES_EBADRESP);
	finish(arg, &answer);
	mem_free(services);
}

/* ---- questions */

static const struct ares_addrinfo_hints *
hints_for(int family, struct ares_addrinfo_hints *hints)
{
	*hints = (struct ares_addrinfo_hints){
		.ai_family = family,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = ARES_AI_NOSORT,	/* sorting would open a socket for each address */
	};
	return hints;
}

static void
ask_name_servers(struct resolver *r, struct resolver_query *q)
{
	struct job *job = MEM_NEW(struct job);
	struct ares_addrinfo_hints hints;
	struct resolver_answer answer;

	job->resolver = r;
	job->query = q;
	job->type = q->type;
	q->job = job;
	r->in_flight++;
	list_append(&r->jobs, &job->link);
	if (r->dns == NULL) {
		answer = failure(ARES_ENOMEM);
		finish(job, &answer);
	} else if (q->type == RESOLVER_SRV) {
		ares_query(r->dns, q->name, CLASS_IN, TYPE_SRV, on_services, job);
	} else {
		ares_getaddrinfo(r->dns, q->name, NULL, hints_for(family_of(q->type), &hints),
		    on_addresses, job);
	}
}

/* What the files have comes within ares_getaddrinfo(). */
static void
on_files(void *arg, int error, int timeouts, struct ares_addrinfo *all)
{
	(void)timeouts;
	if (error == ARES_SUCCESS)
		*(struct ares_addrinfo **)arg = all;
	else
		ares_freeaddrinfo(all);
}

/* Answers a query about a name that stands in a file; the others wait for name servers. */
static void
look_into_files(struct resolver *r, struct resolver_query *q)
{
	struct addr addrs[RESOLVER_RECORDS];
	struct ares_addrinfo_hints hints;
	struct ares_addrinfo *all = NULL;
	struct resolver_answer answer;

	if (q->type != RESOLVER_SRV)
		ares_getaddrinfo(r->files, q->name, NULL, hints_for(AF_UNSPEC, &hints), on_files,
		    &all);
	if (all == NULL) {
		list_append(&r->waiting, &q->link);
		return;
	}
	answer = address_answer(all, q->type, addrs);
	if (answer.status == RESOLVER_FOUND)
		answer.ttl_s = FILES_TTL_S;
	ares_freeaddrinfo(all);
	q->done(q, &answer);
}

static void
pump(struct task *t)
{
	struct resolver *r = CONTAINER_OF(t, struct resolver, pump);
	struct link *first;

	for (int i = 0; i < FILES_BATCH && (first = list_first(&r->asked)) != NULL; i++) {
		link_remove(first);
		look_into_files(r, CONTAINER_OF(first, struct resolver_query, link));
	}
	if (!link_empty(&r->asked))
		loop_timer_set(r->loop, &r->next_turn, clock_ms() + 1);
	if (!have_channel(r))
		return;
	while (r->in_flight < IN_FLIGHT && (first = list_first(&r->waiting)) != NULL) {
		link_remove(first);
		ask_name_servers(r, CONTAINER_OF(first, struct resolver_query, link));
	}
	arm(r);
}

static void
on_next_turn(struct timer *t)
{
	pump(&CONTAINER_OF(t, struct resolver, next_turn)->pump);
}

struct resolver *
resolver_new(struct loop *loop)
{
	struct resolver *r = MEM_NEW(struct resolver);

	r->loop = loop;
	link_init(&r->sockets);
	link_init(&r->asked);
	link_init(&r->waiting);
	link_init(&r->jobs);
	timer_init(&r->timeout, on_timeout);
	timer_init(&r->next_turn, on_next_turn);
	task_init(&r->pump, pump);
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
	    open_channel(r, &r->files, "f") == -1) {
		mem_free(r);
		return NULL;
	}
	return r;
}

void
resolver_free(struct resolver *r)
{
	if (r == NULL)
		return;
	LIST_EACH(link, &r->asked)
		link_remove(link);
	LIST_EACH(link, &r->waiting)
		link_remove(link);
	/* c-ares answers what is under way with an error, which ends the jobs. */
	LIST_EACH(link, &r->jobs)
		CONTAINER_OF(link, struct job, link)->query = NULL;
	if (r->dns != NULL)
		ares_destroy(r->dns);
	ares_destroy(r->files);
	ares_library_cleanup();
	loop_timer_cancel(r->loop, &r->timeout);
	loop_timer_cancel(r->loop, &r->next_turn);
	task_cancel(&r->pump);
	mem_free(r->servers);
	mem_free(r);
}

const char *
resolver_library(void)
{
	static char text[32];

	snprintf(text, sizeof(text), "c-ares %s", ares_version(NULL));
	return text;
}

bool
resolver_uses(const struct resolver *r, const struct addr *servers, unsigned n)
{
	if (r->nservers != n)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (!addr_eq(&r->servers[i], &servers[i]))
			return false;
	return true;
}

void
resolver_use(struct resolver *r, const struct addr *servers, unsigned n)
{
	if (resolver_uses(r, servers, n))
		return;
	r->servers = mem_realloc(r->servers, n > 0 ? n : 1, sizeof(*servers));
	if (n > 0)
		memcpy(r->servers, servers, n * sizeof(*servers));
	r->nservers = n;
	r->renew = true;
}

void
resolver_query_init(struct resolver_query *q)
{
	link_init(&q->link);
	q->job = NULL;
}

void
resolver_ask(struct resolver *r, struct resolver_query *q, enum resolver_type type,
    const char *name)
{
	CHECK(q->job == NULL && link_empty(&q->link));
	q->type = type;
	q->name = name;
	list_append(&r->asked, &q->link);
	loop_post(r->loop, &r->pump);
}

void
resolver_cancel(struct resolver_query *q)
{
	struct job *job = q->job;

	link_remove(&q->link);
	if (job != NULL)
		job->query = NULL;
	q->job = NULL;
}
