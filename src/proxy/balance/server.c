/*
 * server.c - one server of a backend as a worker sees it, with its idle connections.
 */
#include "proxy/balance/server.h"

#include <errno.h>

#include "base/check.h"
#include "base/mem.h"

/* Servers close an idle connection when they said they would: we let go of it before. */
enum { EARLIER_MS = 1000 };

static struct server *
of(struct h1_back_owner *owner)
{
	return CONTAINER_OF(owner, struct server, owner);
}

static msec
idle_time(const struct server *s, const struct h1_back *b)
{
	msec own = s->backend->keepalive_timeout_ms, theirs = h1_back_keep_alive_ms(b);

	if (theirs > 0 && theirs - EARLIER_MS < own)
		own = theirs - EARLIER_MS;
	return own;
}

static void
on_idle(struct h1_back_owner *owner, struct h1_back *b)
{
	struct server *s = of(owner);
	msec keep = idle_time(s, b);

	/* From here on the connection is in the list, so that closing it counts it out again. */
	list_prepend(&s->idle, h1_back_link(b));
	list_append(&s->pool->idle, h1_back_age_link(b));
	s->nidle++;
	/* A connection is bound to the client that its PROXY header named. */
	if (keep <= 0 || s->backend->proxy_protocol != PROXY_OFF ||
	    h1_back_requests(b) >= s->backend->keepalive_requests ||
	    !s->usable) {
		h1_back_close(b);
		return;
	}
	h1_back_set_idle_deadline(b, msec_after(clock_ms(), keep));
	if (s->nidle > s->backend->keepalive)
		h1_back_close(h1_back_of_link(s->idle.prev));
}

static void
on_closed(struct h1_back_owner *owner, struct h1_back *b)
{
	struct server *s = of(owner);

	if (h1_back_is_idle(b))
		s->nidle--;
	s->nconnections--;
	s->pool->n--;
	atomic_fetch_sub_explicit(&s->shared->connections[s->worker], 1, memory_order_relaxed);
}

struct server *
server_new(const struct conf_backend *backend, const struct shm_member *member,
    struct shm_server *shared, struct metrics_cell *cell, struct loop *loop, int worker,
    struct server_pool *pool, struct tls_client *const *tls)
{
	struct server *s = MEM_NEW(struct server);

	s->backend = backend;
	s->pool = pool;
	s->shared = shared;
	s->slot = member->slot;
	s->serial = member->serial;
	s->id = shared->id;
	s->host_field = str_of(shared->host_field);
	s->https = shared->scheme == SCHEME_HTTPS;
	s->cell = cell;
	s->loop = loop;
	s->worker = worker;
	s->addr_text = str_make(s->text, addr_text(&shared->addr, s->text));
	s->tls = tls;
	s->owner = (struct h1_back_owner){ .idle = on_idle, .closed = on_closed };
	s->owner.bare_lf = backend->bare_lf;
	s->owner.tls_name = backend->tls_name.p != NULL ? backend->tls_name :
	    str_of(shared->host);
	link_init(&s->idle);
	return s;
}

void
server_free(struct server *s)
{
	server_drop_idle(s);
	mem_free(s);
}

void
server_drop_idle(struct server *s)
{
	LIST_EACH(l, &s->idle)
		h1_back_close(h1_back_of_link(l));
}

static void
make_room(struct server_pool *pool)
{
	struct link *oldest = list_first(&pool->idle);

	if (pool->max != 0 && pool->n >= pool->max && oldest != NULL)
		h1_back_close(h1_back_of_age_link(oldest));
}

struct back_stream *
server_open(struct server *s, const struct back_limits *limits, msec max_idle_ms)
{
	struct link *newest = list_first(&s->idle);
	struct back_stream *stream;

	if (newest != NULL) {
		struct h1_back *b = h1_back_of_link(newest);

		if (clock_ms() - h1_back_idle_since(b) <= max_idle_ms) {
			s->nidle--;
			return h1_back_attach(b, limits);
		}
	}
	if (s->shared->addr.len == 0) {
		errno = EADDRNOTAVAIL;
		return NULL;
	}
	make_room(s->pool);
	s->owner.tls = s->https ? *s->tls : NULL;
	stream = h1_back_connect(s->loop, &s->shared->addr, &s->owner, limits);
	if (stream != NULL) {
		s->nconnections++;
		s->pool->n++;
		atomic_fetch_add_explicit(&s->shared->connections[s->worker], 1,
		    memory_order_relaxed);
		metrics_add(&s->cell->connections, 1);
	}
	return stream;
}
