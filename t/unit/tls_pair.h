/* A TLS server and a client of ours on the two ends of a socket, each with an owner that sends what
 * is in its chain and keeps what it receives. */

#ifndef TLS_PAIR_H
#define TLS_PAIR_H

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "net/tls_client.h"
#include "net/tls_server.h"
#include "net/tls_transport.h"
#include "tls_fixture.h"

struct peer {
	struct transport t;
	struct chain out;
	struct buf in;
	int end;			/* IO_EOF, IO_ERROR, or 1 while it is open */
	int error;
	bool deaf;			/* does not read */
};

struct pair {
	struct loop *loop;
	struct tls_store *store;
	struct tls_policy *policy;
	struct tls_client *client_side;
	struct tls_site site;
	struct tls_listener listener;
	struct peer server, client;
	bool (*until)(struct pair *p);
	struct timer deadline;
	bool late;
	char *wanted;			/* the name that choose() saw; NULL: none */
	const char *known;		/* refuse other names than that; NULL: take any */
	char error[TLS_ERROR_TEXT];
};

static struct pair *pair_now;

static inline void
pair_check(void)
{
	if (pair_now->until(pair_now))
		loop_stop(pair_now->loop);
}

static inline void
peer_read(struct peer *p)
{
	while (p->end == 1 && !p->deaf && (p->t.watcher.ready & READY_READ)) {
		struct iovec iov[2];
		char *room = buf_room(&p->in, 20000);
		ssize_t n;

		iov[0] = (struct iovec){ room, 9000 };
		iov[1] = (struct iovec){ room + 9000, 11000 };
		n = transport_recv(&p->t, iov, 2);
		if (n == IO_AGAIN)
			return;
		if (n > 0) {
			p->in.n += (size_t)n;
			continue;
		}
		p->error = n == IO_ERROR ? errno : 0;
		p->end = (int)n;
	}
}

static inline void
peer_write(struct peer *p)
{
	if (p->end == 1 && !chain_empty(&p->out) && (p->t.watcher.ready & READY_WRITE) &&
	    transport_send(&p->t, &p->out, false) == IO_ERROR) {
		p->error = errno;
		p->end = IO_ERROR;
	}
}

static inline void
peer_ready(struct watcher *w)
{
	struct peer *p = CONTAINER_OF(w, struct peer, t.watcher);

	peer_read(p);
	peer_write(p);
	pair_check();
}

static inline void
pair_late(struct timer *t)
{
	struct pair *p = CONTAINER_OF(t, struct pair, deadline);

	p->late = true;
	loop_stop(p->loop);
}

/* Runs until the condition holds; false after 50 s. */
static inline bool
pair_run(struct pair *p, bool (*until)(struct pair *))
{
	p->until = until;
	p->late = false;
	pair_now = p;
	peer_read(&p->server);
	peer_read(&p->client);
	peer_write(&p->client);
	peer_write(&p->server);
	if (!until(p)) {
		loop_timer_set(p->loop, &p->deadline, clock_ms() + 50000);
		loop_run(p->loop);
		loop_timer_cancel(p->loop, &p->deadline);
	}
	return !p->late;
}

static inline const struct tls_site *
pair_choose(void *arg, struct str name)
{
	struct pair *p = arg;

	mem_free(p->wanted);
	p->wanted = name.p != NULL ? mem_strndup(name.p, name.n) : NULL;
	if (p->known != NULL && !str_eq(name, str_of(p->known)))
		return NULL;
	return &p->site;
}

static inline struct tls_policy_options
pair_policy(void)
{
	static const struct str alpn[] = { STR("http/1.1") };

	return (struct tls_policy_options){ .min_version = 12, .tickets = true, .alpn = alpn,
		.nalpn = 1, .listener = STR("main") };
}

static inline void
pair_certificate(struct pair *p, unsigned index, const struct made *m)
{
	struct tls_cert *c = tls_cert_new(str_of(m->cert_pem), str_of(m->key_pem),
	    (struct str){ NULL, 0 }, p->error);

	CHECK(c != NULL);
	tls_store_set(p->store, index, c);
	tls_cert_unref(c);
}

/* A server with that certificate and, if given, that policy. */
static inline void
pair_init(struct pair *p, const struct made *m, const struct tls_policy_options *o)
{
	static const unsigned both[] = { 0, 1 };
	struct tls_policy_options plain = pair_policy();

	memset(p, 0, sizeof(*p));
	p->loop = loop_new();
	timer_init(&p->deadline, pair_late);
	p->store = tls_store_new(2);
	pair_certificate(p, 0, m);
	p->policy = tls_policy_new(o != NULL ? o : &plain, p->error);
	CHECK(p->policy != NULL);
	p->site = (struct tls_site){ p->policy, both, 1, p };
	p->listener = (struct tls_listener){ pair_choose, p, p->store };
	chain_init(&p->server.out);
	chain_init(&p->client.out);
	p->server.t.watcher.fd = p->client.t.watcher.fd = -1;
}

/* How the client makes its connections. */
static inline void
pair_client(struct pair *p, bool verify, const char *ca_pem, struct tls_cert *cert)
{
	struct tls_client_options o = { verify, str_of(ca_pem), cert };

	tls_client_free(p->client_side);
	p->client_side = tls_client_new(&o, p->error);
	CHECK(p->client_side != NULL);
}

static inline void
peer_reset(struct peer *p)
{
	if (p->t.ops != NULL)
		transport_close(&p->t, false);
	chain_clear(&p->out);
	buf_fini(&p->in);
	p->end = 1;
	p->error = 0;
	p->deaf = false;
}

static inline void
pair_disconnect(struct pair *p)
{
	peer_reset(&p->client);
	peer_reset(&p->server);
}

static inline void
peer_open_server(struct pair *p, int fd)
{
	CHECK(transport_open_tls_server(&p->server.t, p->loop, fd, peer_ready, &p->listener) == 0);
	p->server.end = 1;
}

static inline void
peer_open_client(struct pair *p, int fd, const char *name)
{
	CHECK(transport_open_tls_client(&p->client.t, p->loop, fd, peer_ready, p->client_side,
	    str_of(name)) == 0);
	p->client.end = 1;
}

static inline void
pair_sockets(int fd[2])
{
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
}

static inline void
pair_connect(struct pair *p, const char *name)
{
	int fd[2];

	pair_disconnect(p);
	pair_sockets(fd);
	peer_open_server(p, fd[0]);
	peer_open_client(p, fd[1], name);
	chain_add_copy(&p->client.out, "ping", 4);
}

static inline void
pair_fini(struct pair *p)
{
	pair_disconnect(p);
	tls_client_free(p->client_side);
	tls_store_free(p->store);
	loop_free(p->loop);
	tls_policy_free(p->policy);
	mem_free(p->wanted);
}

/* Conditions. */
static inline bool
pair_pinged(struct pair *p)
{
	return p->server.in.n >= 4;
}

static inline bool
pair_ended(struct pair *p)
{
	return p->server.end != 1 && p->client.end != 1;
}

static inline bool
server_ended(struct pair *p)
{
	return p->server.end != 1;
}

static inline bool
client_ended(struct pair *p)
{
	return p->client.end != 1;
}

#endif
