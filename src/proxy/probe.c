/*
 * probe.c - one look at one server: does it take a connection, or answer a request as it should?
 */
#include "proxy/probe.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "http/h1_back.h"
#include "net/proxy_header.h"
#include "net/socket.h"

#ifndef USHERD_VERSION
#define USHERD_VERSION "unknown"
#endif

enum {
	HEAD_MAX = 65536,		/* as for the answers to clients' requests */
	BODY_MAX = 65536,		/* enough is seen then */
	SOON_MS = 1,
};

struct probe {
	struct loop *loop;
	const struct conf_check *check;
	probe_done *done;
	void *arg;
	int64_t start_us;
	struct timer timer;		/* of the whole look */
	struct probe_result result;
	struct garbage garbage;
	bool over;
	bool connected;
	char header[PROXY_HEADER_MAX];	/* of the PROXY protocol */
	size_t header_len;

	struct watcher watcher;		/* tcp */

	/* http */
	struct h1_back_owner owner;
	struct back_stream *stream;	/* NULL: none open */
	struct request request;		/* what the parser has to know of it */
	struct arena arena;
	struct block *head;		/* holds the strings of the answer's head */
	struct buf body;		/* of the answer; kept only if it matters */
	size_t body_bytes;
};

/* Whoever asks for any limit gets the one of the whole look. */
static const struct back_limits limits = {
	TIMER_NEVER, TIMER_NEVER, TIMER_NEVER, TIMER_NEVER, TIMER_NEVER, HEAD_MAX,
};

/* ---- the end */

static void
free_probe(struct garbage *g)
{
	struct probe *p = CONTAINER_OF(g, struct probe, garbage);

	block_unref(p->head);
	buf_fini(&p->body);
	arena_fini(&p->arena);
	mem_free(p);
}

/* A connection that we close tells its owner, so the memory goes last. */
void
probe_cancel(struct probe *p)
{
	p->over = true;
	loop_timer_cancel(p->loop, &p->timer);
	loop_close(p->loop, &p->watcher);
	if (p->stream != NULL)
		p->stream->ops->cancel(p->stream);
	p->stream = NULL;
	loop_discard(p->loop, &p->garbage, free_probe);
}

static void __attribute__((format(printf, 3, 4)))
find(struct probe *p, enum shm_finding finding, const char *fmt, ...)
{
	va_list ap;

	p->result.finding = finding;
	va_start(ap, fmt);
	vsnprintf(p->result.text, sizeof(p->result.text), fmt, ap);
	va_end(ap);
}

/* The finding stands. */
static void
finish(struct probe *p)
{
	int64_t us = clock_us() - p->start_us;

	p->result.latency_us = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
	probe_cancel(p);
	p->done(p->arg, &p->result);
}

/* It could not even begin: `done` has to come from the loop all the same. */
static void
finish_soon(struct probe *p)
{
	loop_timer_set(p->loop, &p->timer, clock_ms() + SOON_MS);
}

static void
on_timer(struct timer *t)
{
	struct probe *p = CONTAINER_OF(t, struct probe, timer);

	if (p->result.finding == FOUND_NOTHING)
		find(p, FOUND_TIMEOUT, "no %s within %" PRId64 " ms", !p->connected ? "connection" :
		    p->result.status == 0 ? "answer" : "complete answer", p->check->timeout_ms);
	finish(p);
}

/* An error before there was a connection: ours, or the server's. */
static enum shm_finding
of_errno(int error)
{
	switch (error) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
	case ENOSPC:			/* of epoll: too many watches */
		return FOUND_FAILED;
	default:
		return FOUND_CONNECT;
	}
}

static void
begin_failed(struct probe *p)
{
	find(p, of_errno(errno), "connect: %s", strerror(errno));
	finish_soon(p);
}

/* ---- tcp: a connection is enough */

static void
on_ready(struct watcher *w)
{
	struct probe *p = CONTAINER_OF(w, struct probe, watcher);
	int error = w->ready & READY_ERROR ? socket_error(w->fd) : 0;

	if (!(w->ready & (READY_ERROR | READY_WRITE)))
		return;
	/* With no error pending, a server that has hung up again did take the connection. */
	if (error != 0) {
		find(p, FOUND_CONNECT, "connect: %s", strerror(error));
	} else {
		/* A new connection takes it whole; that the server has left is no matter. */
		if (p->header_len > 0)
			(void)!socket_send(w->fd, p->header, p->header_len);
		find(p, FOUND_OK, "connected");
	}
	finish(p);
}

static void
start_tcp(struct probe *p, const struct addr *addr)
{
	int fd = socket_connect(addr);

	if (fd == -1) {
		begin_failed(p);
	} else if (loop_watch(p->loop, &p->watcher, fd) == -1) {
		begin_failed(p);
		close(fd);
	}
}

/* ---- http: the answer */

static void
on_connected(void *user)
{
	struct probe *p = user;

	p->connected = true;
}

static void
on_hold(void *user, struct block *block)
{
	struct probe *p = user;

	block_unref(p->head);
	p->head = block;
}

static void
on_info(void *user, struct response *r)
{
	(void)user;
	(void)r;
}

static bool
is_expected(const struct conf_check *c, int status)
{
	return status >= 0 && status < CONF_STATUS_WORDS * 64 &&
	    (c->expect[status / 64] >> (status % 64) & 1) != 0;
}

static void
on_head(void *user, struct response *r)
{
	struct probe *p = user;

	p->result.status = r->status;
	if (is_expected(p->check, r->status))
		return;
	find(p, FOUND_STATUS, "status %d", r->status);
	finish(p);
}

/* The answer is complete, or as much of it has come as counts. */
static void
judge(struct probe *p)
{
	struct str want = p->check->body;

	if (want.n > 0 && (p->body.n < want.n ||
	    memmem(p->body.p, p->body.n, want.p, want.n) == NULL))
		find(p, FOUND_BODY, "status %d, but a body without the text that is expected",
		    p->result.status);
	else
		find(p, FOUND_OK, "status %d", p->result.status);
	finish(p);
}

static void
on_body(void *user, struct chain *moved)
{
	struct probe *p = user;
	size_t room = BODY_MAX - p->body_bytes, n = moved->len < room ? moved->len : room;

	if (p->check->body.n > 0) {
		chain_copy_out(moved, buf_room(&p->body, n), n);
		p->body.n += n;
	}
	p->body_bytes += n;
	chain_clear(moved);
	if (p->body_bytes == BODY_MAX)
		judge(p);
}

static void
on_end(void *user, const struct fields *trailers)
{
	struct probe *p = user;

	(void)trailers;
	p->stream = NULL;
	judge(p);
}

static void
on_drained(void *user)
{
	(void)user;
}

static void
on_failed(void *user, enum back_failure failure, const char *text)
{
	struct probe *p = user;
	enum shm_finding finding = FOUND_CLOSED;

	if (failure == BACK_CONNECT)
		finding = FOUND_CONNECT;
	else if (failure == BACK_BAD_RESPONSE)
		finding = FOUND_BAD_RESPONSE;
	else if (failure == BACK_TLS)
		finding = FOUND_TLS;
	else if (failure == BACK_TLS_VERIFY)
		finding = FOUND_TLS_VERIFY;
	p->stream = NULL;
	find(p, finding, "%s", text);
	finish(p);
}

static const struct back_stream_events stream_events = {
	.connected = on_connected,
	.info = on_info,
	.head = on_head,
	.body = on_body,
	.end = on_end,
	.drained = on_drained,
	.hold = on_hold,
	.failed = on_failed,
};

/* A connection serves one look. */
static void
on_idle(struct h1_back_owner *owner, struct h1_back *b)
{
	(void)owner;
	h1_back_close(b);
}

static void
on_closed(struct h1_back_owner *owner, struct h1_back *b)
{
	(void)owner;
	(void)b;
}

static void
send_request(struct probe *p, struct str host)
{
	struct fields fields;

	fields_init(&fields, &p->arena);
	fields_add_id(&fields, FIELD_HOST, host);
	fields_add_id(&fields, FIELD_USER_AGENT, STR_OF("usherd/" USHERD_VERSION));
	fields_add_id(&fields, FIELD_CONNECTION, STR_OF("close"));
	p->stream->ops->send_head(p->stream, &fields, p->request.method, p->check->target,
	    FRAMING_NONE, 0, (struct str){ NULL, 0 });
	p->stream->ops->send_end(p->stream, NULL);
	p->stream->ops->want_body(p->stream, BODY_MAX);
}

static void
start_http(struct probe *p, const struct addr *addr, struct str host)
{
	p->request = (struct request){ .method = STR("GET"), .method_id = METHOD_GET, .minor = 1 };
	p->stream = h1_back_connect(p->loop, addr, &p->owner, &limits);
	if (p->stream == NULL) {
		begin_failed(p);
		return;
	}
	p->stream->events = &stream_events;
	p->stream->user = p;
	p->stream->request = &p->request;
	p->stream->arena = &p->arena;
	if (p->header_len > 0)
		h1_back_preface(p->stream, p->header, p->header_len);
	send_request(p, host);
}

/* ---- the beginning */

static void
make_header(struct probe *p, enum conf_proxy_protocol version)
{
	const struct ip_port nobody = { .family = 0 };

	if (version != PROXY_OFF)
		p->header_len = proxy_header_write(p->header, version == PROXY_V1 ? 1 : 2, &nobody,
		    &nobody);
}

static struct probe *
new_probe(struct loop *loop, const struct conf_backend *b, probe_done *done, void *arg)
{
	struct probe *p = MEM_NEW(struct probe);

	p->loop = loop;
	p->check = &b->check;
	p->done = done;
	p->arg = arg;
	p->start_us = clock_us();
	p->owner = (struct h1_back_owner){ .idle = on_idle, .closed = on_closed };
	watcher_init(&p->watcher, on_ready);
	timer_init(&p->timer, on_timer);
	arena_init(&p->arena);
	buf_init(&p->body);
	make_header(p, b->proxy_protocol);
	loop_timer_set(loop, &p->timer, clock_ms() + b->check.timeout_ms);
	return p;
}

struct probe *
probe_start(struct loop *loop, const struct conf_backend *b, const struct shm_server *server,
    struct tls_client *tls, probe_done *done, void *arg)
{
	struct probe *p = new_probe(loop, b, done, arg);
	struct addr addr = server->addr;

	if (b->check.port != 0)
		addr_set_port(&addr, b->check.port);
	if (b->check.kind != CHECK_HTTP) {
		start_tcp(p, &addr);
	} else if (server->scheme == SCHEME_HTTPS && tls == NULL) {
		find(p, FOUND_FAILED, "tls is not set up for this backend");
		finish_soon(p);
	} else {
		p->owner.tls = server->scheme == SCHEME_HTTPS ? tls : NULL;
		p->owner.tls_name = b->tls_name.p != NULL ? b->tls_name : str_of(server->host);
		start_http(p, &addr, b->check.host.p != NULL ? b->check.host :
		    str_of(server->host_field));
	}
	return p;
}

void
probe_renew(struct probe *p, const struct conf_backend *b)
{
	p->check = &b->check;
}
