/*
 * explain.c - what would happen to a request: the dry run.
 */
#include "proxy/explain/explain.h"

#include "base/mem.h"
#include "http/h1_front.h"
#include "net/tls_server.h"
#include "proxy/front.h"
#include "proxy/runtime.h"
#include "proxy/tls/sites.h"

/* ---- a stream without a connection: it swallows what is sent */

static void
ignore_head(struct http_stream *s, const struct response *r)
{
	s->started |= r->status >= 200;
}

static void
ignore_info(struct http_stream *s, const struct response *r)
{
	(void)s;
	(void)r;
}

static enum flow
ignore_body(struct http_stream *s, struct chain *moved)
{
	(void)s;
	chain_clear(moved);
	return FLOW_OK;
}

static void
ignore_end(struct http_stream *s, const struct fields *trailers)
{
	(void)s;
	(void)trailers;
}

static void
ignore_want(struct http_stream *s, uint64_t bytes)
{
	(void)s;
	(void)bytes;
}

static void
ignore(struct http_stream *s)
{
	(void)s;
}

static const struct http_stream_ops dry_ops = {
	.send_info = ignore_info,
	.send_head = ignore_head,
	.send_body = ignore_body,
	.send_end = ignore_end,
	.want_body = ignore_want,
	.tunnel = ignore,
	.find_local = ignore,
	.abort = ignore,
};

/* ---- where it arrives */

static bool
has_port(const struct conf_listen *l, uint16_t port)
{
	for (unsigned i = 0; i < l->nbinds; i++)
		if (addr_port(&l->binds[i].addr) == port)
			return true;
	return false;
}

/* The listener at the port of the URL, else one that speaks its scheme, else any. */
static const struct conf_listen *
find_listen(const struct conf_snapshot *c, const struct explain_question *q)
{
	const struct conf_listen *scheme = NULL;

	for (unsigned i = 0; i < c->nlistens; i++) {
		const struct conf_listen *l = c->listens[i];

		if (l->tls == q->https && has_port(l, q->port))
			return l;
		if (l->tls == q->https && scheme == NULL)
			scheme = l;
	}
	return scheme != NULL ? scheme : c->listens[0];
}

/* The address that the connection reaches: the first one with the port of the URL. */
static void
set_local(struct http_peer *peer, const struct conf_listen *l, uint16_t port)
{
	const struct conf_bind *bind = &l->binds[0];

	for (unsigned i = l->nbinds; i-- > 0;)
		if (addr_port(&l->binds[i].addr) == port)
			bind = &l->binds[i];
	ip_port_from(&peer->local, &bind->addr.sa);
}

/* ---- the request */

static bool
names_host(const struct explain_question *q)
{
	for (unsigned i = 0; i < q->nheaders; i++) {
		struct str line = str_of(q->headers[i]), name;

		if (str_cut(&line, ':', &name) && str_ieq(name, STR_OF("host")))
			return true;
	}
	return false;
}

static void
write_head(const struct explain_question *q, struct buf *head)
{
	buf_printf(head, "%.*s %.*s HTTP/1.1\r\n", STR_ARG(q->method), STR_ARG(q->target));
	if (q->host.p != NULL && !names_host(q))
		buf_printf(head, "Host: %.*s\r\n", STR_ARG(q->host));
	for (unsigned i = 0; i < q->nheaders; i++)
		buf_printf(head, "%s\r\n", q->headers[i]);
	buf_cstr(head, "\r\n");
}

/* Reads the head as a connection of the listener would. */
static void
read_head(struct http_stream *s, const struct conf_listen *listen,
    const struct conf_policy *fallback, const struct buf *head)
{
	struct h1_front_options o = { .strict_names = false };
	struct h1_scan scan = { 0 };

	front_set_limits(&o, listen, fallback);
	switch (h1_scan_head(&scan, head->p, head->n, &o.limits, &s->refusal)) {
	case H1_SCAN_DONE:
		(void)h1_front_read(&o, head->p, &scan, s);
		break;
	case H1_SCAN_MORE:
		s->refusal = (struct refusal){ 400, "bad-request", "the head is not complete" };
		break;
	default:
		break;
	}
	s->body_done = s->request.framing == FRAMING_NONE;
}

/* The name that the TLS handshake for the URL would have; absent for addresses. */
static struct str
server_name(const struct explain_question *q, struct arena *arena)
{
	struct str name = { NULL, 0 };
	struct ip_port ip;
	uint16_t port;
	char *p;

	if (q->host.p == NULL || !target_authority(q->host, &name, &port) || ip_parse(&ip, name))
		return (struct str){ NULL, 0 };
	p = arena_alloc(arena, name.n);
	for (size_t i = 0; i < name.n; i++)
		p[i] = char_lower[(unsigned char)name.p[i]];
	return str_make(p, name.n);
}

/* The handshake with the name in the URL; false when it is refused. */
static bool
shake_hands(struct tls_info *tls, struct runtime *rt, const struct conf_listen *listen,
    struct str name)
{
	const struct tls_listener *l = sites_listener(rt->sites, listen);
	const struct tls_site *site = l->choose(l->arg, name);

	*tls = (struct tls_info){
		.ready = true, .protocol = STR("TLSv1.3"), .server_name = name,
		.client_verify = "NONE",
	};
	if (site != NULL) {
		tls->host = site->host;
		tls->policy = site->policy;
	}
	return site != NULL;
}

static int
explain_request(struct explained *e, struct http_stream *stream, const struct conf_listen *listen)
{
	struct metrics_cell *cell = mem_zalloc(1, sizeof(*cell));
	struct exchange *x = exchange_new(e->runtime, listen, cell, stream);
	bool found;

	e->x = x;
	exchange_walk(x);
	e->answered = x->response != NULL;
	if (!e->answered && x->conf->action == ACTION_FILES)
		x->backend = x->conf->files_backend;	/* whether a file is there or not */
	found = x->route != NULL;
	if (found)
		(void)router_find_without(e->runtime->router, listen, x->request, &x->client,
		    x->route, &stream->arena, &e->runner_up);
	explain_write(e);
	x->listen = NULL;		/* so that nothing is counted and logged */
	stream->events->done(x);
	mem_free(cell);
	return found ? 0 : 1;
}

int
explain_run(struct runtime *rt, const struct explain_question *q, struct buf *out)
{
	const struct conf_listen *listen = find_listen(rt->conf, q);
	struct explained e = { .runtime = rt, .question = q, .out = out };
	struct http_stream stream = { .ops = &dry_ops };
	struct http_peer peer = { .peer = q->from, .client = q->from, .requests = 1 };
	struct tls_info tls;
	struct buf head;
	int status = 1;

	buf_init(&head);
	arena_init(&stream.arena);
	fields_init(&stream.request.fields, &stream.arena);
	stream.request.minor = 1;
	stream.request.method = q->method;
	stream.request.raw_target = q->target;
	stream.peer = &peer;
	stream.start_us = clock_us();
	set_local(&peer, listen, q->port);
	write_head(q, &head);
	read_head(&stream, listen, rt->conf->fallback->policy, &head);
	if (listen->tls)
		peer.tls = &tls;
	if (listen->tls && !shake_hands(&tls, rt, listen, server_name(q, &stream.arena)))
		buf_printf(out, "refused     in the TLS handshake: no host has the name"
		    " (unrecognized_name)\n");
	else
		status = explain_request(&e, &stream, listen);
	arena_fini(&stream.arena);
	buf_fini(&head);
	return status;
}
