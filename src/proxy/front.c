/*
 * front.c - the listeners of a worker and the client connections that come from them.
 */
#include "proxy/front.h"

#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/h1_front.h"
#include "net/listener.h"
#include "net/socket.h"
#include "proxy/exchange.h"
#include "proxy/tls/sites.h"

enum {
	BURST = 8,			/* accepted before other events have their turn */
	/*
	 * A handshake begins at once and costs as much as many requests: those who lack only their
	 * last flight, or an answer, would wait for eight of them.
	 */
	TLS_BURST = 1,
};

/* One descriptor that connections come from. */
struct door {
	struct listener listener;
	struct h1_front_options options;
	struct runtime *runtime;
	const struct conf_listen *listen;	/* NULL: the admin pages */
	struct metrics_cell *cell;
	struct front *front;
};

struct front {
	struct runtime *runtime;
	struct door *doors;
	unsigned n;
	bool full;			/* max_connections reached: nobody accepts */
	int64_t warned_ms;
};

static void
on_stream(void *arg, struct http_stream *stream)
{
	struct door *d = arg;

	exchange_start(d->runtime, d->listen, d->cell, stream);
}

static void
on_handshake(void *arg, bool done, bool resumed)
{
	struct door *d = arg;

	metrics_add(done ? &d->cell->handshakes : &d->cell->handshake_failures, 1);
	if (resumed)
		metrics_add(&d->cell->resumed, 1);
}

static void
set_accepting(struct front *f, bool on)
{
	f->full = !on;
	for (unsigned i = 0; i < f->n; i++) {
		if (f->doors[i].listener.fd < 0)
			continue;
		if (on)
			listener_resume(&f->doors[i].listener);
		else if (f->doors[i].listen != NULL)
			listener_pause(&f->doors[i].listener);
	}
}

static void
on_close(void *arg, struct h1_front *front)
{
	struct door *d = arg;
	struct runtime *rt = d->runtime;

	(void)front;
	rt->nconnections--;
	atomic_store_explicit(&rt->self->connections, rt->nconnections, memory_order_relaxed);
	if (d->front->full && rt->nconnections < rt->max_connections && !rt->draining)
		set_accepting(d->front, true);
	runtime_freed(rt);
	runtime_check_drained(rt);
}

/* The bound holds for the pages of a listener too, but those of the admin stay reachable. */
static void
count_in(struct door *d)
{
	struct runtime *rt = d->runtime;

	rt->nconnections++;
	atomic_store_explicit(&rt->self->connections, rt->nconnections, memory_order_relaxed);
	atomic_fetch_add_explicit(&rt->self->accepted, 1, memory_order_relaxed);
	if (d->cell != NULL)
		metrics_add(&d->cell->connections, 1);
	if (rt->nconnections < rt->max_connections || d->front->full)
		return;
	set_accepting(d->front, false);
	if (log_once_a_second(&d->front->warned_ms))
		log_warn("all %u connections are in use, new ones wait (max_connections)",
		    rt->max_connections);
}

static void
on_accept(struct listener *l, int fd, const struct sockaddr *peer)
{
	struct door *d = l->arg;

	count_in(d);
	if (h1_front_open(d->runtime->loop, fd, peer, &d->options) == NULL)
		on_close(d, NULL);
}

void
front_set_limits(struct h1_front_options *o, const struct conf_listen *c,
    const struct conf_policy *r)
{
	enum { BESIDES_URI = 32 };	/* method, version and blanks of a request line */

	o->limits = (struct h1_limits){
		.max_head = c->max_header_size == CONF_OFF ? SIZE_MAX : (size_t)c->max_header_size,
		.max_line = c->max_uri == CONF_OFF ? SIZE_MAX : (size_t)c->max_uri + BESIDES_URI,
		.max_fields = c->max_header_count > UINT32_MAX ? UINT32_MAX :
		    (unsigned)c->max_header_count,
	};
	o->strict_names = !c->header_names_any;
	o->proxy_protocol = c->proxy_protocol;
	o->trusted = c->trusted_proxies.v;
	o->ntrusted = c->trusted_proxies.n;
	o->header_timeout_ms = c->header_timeout_ms;
	o->keepalive_timeout_ms = c->keepalive_timeout_ms;
	o->keepalive_requests = c->keepalive_requests;
	o->stream_limits = (struct stream_limits){
		.body_timeout_ms = r->body_timeout_ms,
		.send_timeout_ms = r->send_timeout_ms,
		.half_close_timeout_ms = r->half_close_timeout_ms,
		.tunnel_timeout_ms = r->tunnel_timeout_ms,
	};
}

/* What holds for the admin pages, which have no section of their own for it. */
static const struct conf_listen admin_defaults = {
	.header_timeout_ms = 10000,
	.keepalive_timeout_ms = 60000,
	.keepalive_requests = 1000,
	.max_header_size = 32768,
	.max_header_count = 100,
	.max_uri = 8192,
};

static int
open_door(struct front *f, struct door *d, const struct conf_listen *listen, int fd)
{
	struct runtime *rt = f->runtime;

	d->runtime = rt;
	d->front = f;
	d->listen = listen;
	d->cell = listen != NULL ? rt->listen_cells[listen->index] : NULL;
	front_set_limits(&d->options, listen != NULL ? listen : &admin_defaults,
	    rt->conf->fallback->policy);
	if (listen != NULL && listen->tls) {
		d->options.tls = sites_listener(rt->sites, listen);
		d->options.handshake_timeout_ms = listen->handshake_timeout_ms;
		d->options.on_handshake = on_handshake;
	}
	d->options.on_stream = on_stream;
	d->options.on_close = on_close;
	d->options.arg = d;
	d->options.draining = &rt->draining;
	if (listener_open(&d->listener, rt->loop, fd, d->options.tls != NULL ? TLS_BURST : BURST,
	    on_accept, d) < 0) {
		log_error("listen: epoll_ctl: %m");
		return -1;
	}
	return 0;
}

struct front *
front_open(struct runtime *rt, const struct proxy_env *env)
{
	struct front *f = MEM_NEW(struct front);
	const struct conf_snapshot *c = rt->conf;

	f->runtime = rt;
	f->doors = mem_zalloc(env->nlisten_fds, sizeof(struct door));
	for (unsigned i = 0; i < c->nlistens; i++)
		for (unsigned j = 0; j < c->listens[i]->nbinds; j++, f->n++)
			if (open_door(f, &f->doors[f->n], c->listens[i], env->listen_fds[f->n]) < 0)
				return NULL;
	for (unsigned j = 0; j < c->admin.nbinds; j++, f->n++)
		if (open_door(f, &f->doors[f->n], NULL, env->listen_fds[f->n]) < 0)
			return NULL;
	CHECK(f->n == env->nlisten_fds);
	return f;
}

void
front_stop(struct front *f)
{
	for (unsigned i = 0; i < f->n; i++)
		listener_close(&f->doors[i].listener);
}

void
front_close(struct front *f)
{
	if (f == NULL)
		return;
	front_stop(f);
	mem_free(f->doors);
	mem_free(f);
}
