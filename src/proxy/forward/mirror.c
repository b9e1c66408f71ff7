/*
 * mirror.c - copies of requests for another backend, whose answers nobody sees.
 */
#include "proxy/forward/mirror.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "proxy/balance/backend.h"
#include "proxy/balance/hash_keys.h"
#include "proxy/filter/filter.h"
#include "proxy/forward/failure.h"
#include "proxy/forward/forward.h"
#include "proxy/forward/forwarded.h"
#include "proxy/runtime.h"

enum {
	MIRRORS_MAX = 128,		/* in flight, of a worker */
	QUEUE_MAX = 262144,		/* of a request body, behind the original */
	DRAIN_MAX = 65536,		/* of a response, to keep the connection */
	DRAIN_MS = 10000,		/* after its head, for the same */
	PERMILLE = 1000,
};

/* How an exchange and its copy know of each other. */
struct mirror_tap {
	struct mirror *mirror;		/* NULL: not begun, or over */
};

struct mirror {
	struct link link;		/* in runtime->mirrors */
	struct garbage garbage;
	struct arena arena;
	struct runtime *runtime;
	struct mirror_tap *tap;		/* NULL: the exchange is over */
	const struct conf_backend *conf;
	struct backend *backend;
	struct server *server;		/* whose place is taken; NULL: none */
	struct back_stream *back;	/* NULL: none open */
	struct back_limits limits;
	struct request request;		/* as far as the response is checked by it */
	struct timer timer;		/* for the rest of the response */
	uint64_t sent;			/* of the body, to the stream */
	uint64_t received;		/* of the response's */
	int64_t start_us;
	int status;			/* of the response; 0: none */
	enum backend_outcome outcome;	/* as far as is known */
	bool ended;			/* the request is complete */
};

/* --- the end ------------------------------------------------------------------------------- */

static void
count(const struct mirror *m, struct metrics_cell *cell)
{
	metrics_count_status(cell, m->status);
	metrics_observe(&cell->time, (uint64_t)(clock_us() - m->start_us));
	if (m->back == NULL)
		return;
	metrics_add(&cell->bytes_in, m->back->bytes_in);
	metrics_add(&cell->bytes_out, m->back->bytes_out);
}

static void
free_mirror(struct garbage *g)
{
	struct mirror *m = CONTAINER_OF(g, struct mirror, garbage);

	arena_fini(&m->arena);
	mem_free(m);
}

/* The stream is over, or never was; who is calling may still look at the memory. */
static void
finish(struct mirror *m)
{
	struct metrics_cell *cell = backend_cell(m->backend);

	if (m->status != 0)
		metrics_add(&cell->mirrored, 1);
	else
		metrics_add(&cell->mirror_drops, 1);
	if (m->server != NULL) {
		count(m, cell);
		count(m, m->server->cell);
		backend_report(m->backend, m->server, m->outcome);
		backend_give(m->backend, m->server);
	}
	if (m->tap != NULL)
		m->tap->mirror = NULL;
	loop_timer_cancel(m->runtime->loop, &m->timer);
	link_remove(&m->link);
	m->runtime->nmirrors--;
	loop_discard(m->runtime->loop, &m->garbage, free_mirror);
}

/* Ends the stream early. */
static void
leave(struct mirror *m)
{
	struct back_stream *back = m->back;

	finish(m);
	if (back != NULL)
		back->ops->cancel(back);
}

static void
drop(struct mirror *m, const char *reason)
{
	log_info("mirror %.*s: a request is not copied: %s", STR_ARG(m->conf->name), reason);
	leave(m);
}

static void
on_timer(struct timer *t)
{
	leave(CONTAINER_OF(t, struct mirror, timer));
}

/* --- the response -------------------------------------------------------------------------- */

static void
on_info(void *user, struct response *r)
{
	(void)user;
	(void)r;
}

static enum backend_outcome
outcome_of(int status)
{
	return status == 502 || status == 503 || status == 504 ? OUTCOME_BAD : OUTCOME_GOOD;
}

static void
on_head(void *user, struct response *r)
{
	struct mirror *m = user;

	m->status = r->status;
	m->outcome = outcome_of(r->status);
	if (m->outcome == OUTCOME_GOOD)
		backend_first_byte(m->backend, m->server, clock_us() - m->start_us);
	if (response_is_event_stream(r))
		leave(m);		/* it has no end to wait for */
	else
		loop_timer_set(m->runtime->loop, &m->timer, clock_ms() + DRAIN_MS);
}

static void
on_body(void *user, struct chain *moved)
{
	struct mirror *m = user;
	uint64_t n = moved->len;

	chain_clear(moved);
	m->received += n;
	if (m->received > DRAIN_MAX)
		leave(m);
	else
		m->back->ops->want_body(m->back, n);
}

static void
on_end(void *user, const struct fields *trailers)
{
	(void)trailers;
	finish(user);
}

static void
on_drained(void *user)
{
	(void)user;
}

static void
on_failed(void *user, enum back_failure failure, const char *text)
{
	struct mirror *m = user;

	m->outcome = failure_outcome(m->back, failure);
	/* An original would be sent again; what was not asked is not to blame. */
	if (!failure_is_stale(m->back, failure))
		failure_count(m->backend, m->server, failure);
	log_info("mirror %.*s: server %.*s: %s", STR_ARG(m->conf->name),
	    STR_ARG(m->server->addr_text), text);
	finish(m);
}

static const struct back_stream_events events = {
	.info = on_info,
	.head = on_head,
	.body = on_body,
	.end = on_end,
	.drained = on_drained,
	.failed = on_failed,
};

/* --- the request --------------------------------------------------------------------------- */

static struct mirror *
new_mirror(struct exchange *x)
{
	const struct conf_mirror *c = &x->policy->mirror;
	struct mirror *m = MEM_NEW(struct mirror);

	m->runtime = x->runtime;
	m->tap = x->mirror_tap;
	m->tap->mirror = m;
	m->conf = c->backend;
	m->backend = x->runtime->backends[m->conf->index];
	m->limits = forward_limits(c->policy);
	m->start_us = clock_us();
	m->outcome = OUTCOME_NEUTRAL;
	arena_init(&m->arena);
	m->request.method = arena_str(&m->arena, x->request->method);
	m->request.method_id = x->request->method_id;
	timer_init(&m->timer, on_timer);
	list_append(&x->runtime->mirrors, &m->link);
	x->runtime->nmirrors++;
	return m;
}

/* No connection is used that may be about to close: nothing is sent twice. */
static void
open_stream(struct mirror *m)
{
	msec max_idle = m->conf->proxy_protocol != PROXY_OFF ? -1 :
	    UNREPLAYABLE_IDLE_MS;

	m->back = server_open(m->server, &m->limits, max_idle);
	if (m->back == NULL)
		return;
	m->back->events = &events;
	m->back->user = m;
	m->back->request = &m->request;
	m->back->arena = &m->arena;
}

static void
end_request(struct mirror *m)
{
	m->ended = true;
	m->back->ops->send_end(m->back, NULL);
}

static void
send_head(struct mirror *m, struct exchange *x)
{
	const struct request *r = x->request;
	struct fields fields;

	forward_proxy_header(x, m->back);
	forwarded_fields(x, m->server->host_field, &fields);
	fields_remove(&fields, FIELD_EXPECT);
	m->back->ops->send_head(m->back, &fields, r->method, x->uri, r->framing,
	    r->content_length, (struct str){ NULL, 0 });
	m->back->ops->want_body(m->back, DRAIN_MAX);
	if (x->stream->body_done)
		end_request(m);
}

static void
begin(struct mirror *m, struct exchange *x)
{
	struct backend_request choice = { .hash = hash_keys_eval(x->runtime->hash_keys, x) };
	enum backend_refusal why;

	m->server = backend_take(m->backend, &choice, &why);
	if (m->server == NULL) {
		drop(m, "no server is up and has a place");
		return;
	}
	open_stream(m);
	if (m->back == NULL)
		on_failed(m, BACK_CONNECT, strerror(errno));
	else
		send_head(m, x);
}

void
mirror_start(struct exchange *x)
{
	const struct conf_backend *backend = x->backend;
	struct str server_host = x->server_host, told_host = x->told_host;
	const struct conf_backend *own = x->policy->mirror.backend;

	if (x->runtime->nmirrors >= MIRRORS_MAX) {
		metrics_add(&backend_cell(x->runtime->backends[own->index])->mirror_drops, 1);
		log_info("mirror %.*s: a request is not copied: too many copies in flight",
		    STR_ARG(own->name));
		return;
	}
	x->backend = own;
	begin(new_mirror(x), x);
	x->backend = backend;
	x->server_host = server_host;
	x->told_host = told_host;
}

void
mirror_stop(struct runtime *rt)
{
	LIST_EACH(l, &rt->mirrors)
		leave(CONTAINER_OF(l, struct mirror, link));
}

/* --- the filter ---------------------------------------------------------------------------- */

static bool
setup(struct exchange *x, struct response *r, struct filter_node *node)
{
	const struct conf_mirror *c = &x->policy->mirror;

	(void)r;
	if (c->backend == NULL || x->request->upgrade.p != NULL ||
	    (c->sample_permille < PERMILLE && rng_below(PERMILLE) >= c->sample_permille))
		return false;
	x->mirror_tap = node->state = ARENA_NEW(&x->stream->arena, struct mirror_tap);
	return true;
}

static bool
body(struct exchange *x, struct filter_node *node, struct chain *bytes)
{
	struct mirror *m = ((struct mirror_tap *)node->state)->mirror;
	struct chain copy;

	(void)x;
	if (m == NULL || m->ended)
		return true;
	chain_init(&copy);
	chain_keep(&copy, bytes);
	m->sent += bytes->len;
	(void)m->back->ops->send_body(m->back, &copy);
	if (m->sent > m->back->bytes_out + QUEUE_MAX)
		drop(m, "its server takes the body too slowly");
	return true;
}

static bool
end(struct exchange *x, struct filter_node *node, struct chain *bytes)
{
	struct mirror *m = ((struct mirror_tap *)node->state)->mirror;

	(void)x;
	(void)bytes;
	if (m != NULL && !m->ended)
		end_request(m);
	return true;
}

/* What is complete goes on without its exchange. */
static void
cancel(struct filter_node *node)
{
	struct mirror *m = ((struct mirror_tap *)node->state)->mirror;

	if (m == NULL)
		return;
	m->tap->mirror = NULL;
	m->tap = NULL;
	if (!m->ended)
		drop(m, "its body was not taken to the end");
}

const struct filter filter_mirror = { "mirror", setup, body, end, cancel };
