/*
 * probe.c - one look at one server: does it take a connection, or answer a request as it should?
 */
#include "proxy/servers/probe_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "net/socket.h"

enum { SOON_MS = 1 };

/* ---- the end */

static void
free_probe(struct garbage *g)
{
	struct probe *p = CONTAINER_OF(g, struct probe, garbage);

	buf_fini(&p->body);
	arena_fini(&p->arena);
	mem_free(p);
}

/* A connection that we close tells its owner, so the memory goes last. */
void
probe_cancel(struct probe *p)
{
	loop_timer_cancel(p->loop, &p->timer);
	loop_close(p->loop, &p->watcher);
	if (p->stream != NULL)
		p->stream->ops->cancel(p->stream);
	p->stream = NULL;
	loop_discard(p->loop, &p->garbage, free_probe);
}

void
probe_find(struct probe *p, enum shm_finding finding, const char *fmt, ...)
{
	va_list ap;

	p->result.finding = finding;
	va_start(ap, fmt);
	vsnprintf(p->result.text, sizeof(p->result.text), fmt, ap);
	va_end(ap);
}

void
probe_finish(struct probe *p)
{
	int64_t us = clock_us() - p->start_us;

	p->result.latency_us = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
	probe_cancel(p);
	p->done(p->arg, &p->result);
}

void
probe_finish_soon(struct probe *p)
{
	loop_timer_set(p->loop, &p->timer, clock_ms() + SOON_MS);
}

static void
on_timer(struct timer *t)
{
	struct probe *p = CONTAINER_OF(t, struct probe, timer);

	if (p->result.finding == FOUND_NOTHING)
		probe_find(p, FOUND_TIMEOUT, "no %s within %" PRId64 " ms",
		    !p->connected ? "connection" : p->result.status == 0 ? "answer" :
		    "complete answer", p->check->timeout_ms);
	probe_finish(p);
}

/* An error before there was a connection: ours, or the server's. */
static enum shm_finding
of_errno(int error, sa_family_t family)
{
	switch (error) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
	case ENOSPC:			/* of epoll: too many watches */
	case ENAMETOOLONG:
		return FOUND_FAILED;
	case EADDRNOTAVAIL:		/* all local ports are taken, or there is no IPv6 here */
		return family == AF_INET ? FOUND_FAILED : FOUND_CONNECT;
	default:
		return FOUND_CONNECT;
	}
}

void
probe_begin_failed(struct probe *p, const struct addr *addr)
{
	probe_find(p, of_errno(errno, addr->sa.sa_family), "connect: %s", strerror(errno));
	probe_finish_soon(p);
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
		probe_find(p, FOUND_CONNECT, "connect: %s", strerror(error));
	} else {
		/* A new connection takes it whole; that the server has left is no matter. */
		if (p->header_len > 0)
			(void)!socket_send(w->fd, p->header, p->header_len);
		probe_find(p, FOUND_OK, "connected");
	}
	probe_finish(p);
}

static void
start_tcp(struct probe *p, const struct addr *addr)
{
	int fd = socket_connect(addr);

	if (fd == -1) {
		probe_begin_failed(p, addr);
	} else if (loop_watch(p->loop, &p->watcher, fd) == -1) {
		probe_begin_failed(p, addr);
		close(fd);
	}
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
	watcher_init(&p->watcher, on_ready);
	timer_init(&p->timer, on_timer);
	arena_init(&p->arena);
	buf_init(&p->body);
	make_header(p, b->proxy_protocol);
	loop_timer_set(loop, &p->timer, clock_ms() + b->check.timeout_ms);
	return p;
}

/* Where a worker would connect to, or to the port that is for checks; false if that cannot be. */
static bool
find_address(const struct probe_target *t, struct addr *addr)
{
	struct sockaddr_un *un = &addr->un;
	size_t n = t->chroot.n;

	*addr = t->server->addr;
	if (addr->sa.sa_family != AF_UNIX) {
		if (t->backend->check.port != 0)
			addr_set_port(addr, t->backend->check.port);
		return true;
	}
	if (n + strlen(un->sun_path) >= sizeof(un->sun_path))
		return false;
	memmove(un->sun_path + n, un->sun_path, strlen(un->sun_path) + 1);
	if (n > 0)
		memcpy(un->sun_path, t->chroot.p, n);
	return true;
}

struct probe *
probe_start(struct loop *loop, const struct probe_target *t, probe_done *done, void *arg)
{
	const struct conf_backend *b = t->backend;
	struct probe *p = new_probe(loop, b, done, arg);
	struct addr addr;

	if (!find_address(t, &addr)) {
		errno = ENAMETOOLONG;
		probe_begin_failed(p, &addr);
	} else if (b->check.kind != CHECK_HTTP) {
		start_tcp(p, &addr);
	} else {
		probe_start_http(p, &addr, t);
	}
	return p;
}

void
probe_renew(struct probe *p, const struct conf_backend *b)
{
	p->check = &b->check;
}
