/*
 * mirror.c - copies of requests for another backend, whose answers nobody sees.
 */
#include "proxy/forward/mirror.h"

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "proxy/balance/hash_keys.h"
#include "proxy/fetch/fetch.h"
#include "proxy/filter/filter.h"
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
	struct fetch fetch;
	struct exchange *x;		/* while the copy is being begun */
	struct mirror_tap *tap;		/* NULL: the exchange is over */
	struct request request;		/* as far as a server sees it, but for its fields */
	struct timer timer;		/* for the rest of the response */
	uint64_t received;		/* of the response's body */
	bool answered;
	bool over;
};

/* --- the end ------------------------------------------------------------------------------- */

static void
free_mirror(struct garbage *g)
{
	struct mirror *m = CONTAINER_OF(g, struct mirror, garbage);

	arena_fini(&m->arena);
	mem_free(m);
}

/* Ends the copy; who is calling may still look at the memory. */
static void
finish(struct mirror *m)
{
	struct runtime *rt = m->fetch.runtime;
	struct metrics_cell *cell = backend_cell(rt->backends[m->fetch.conf->index]);

	if (m->over)
		return;
	m->over = true;
	fetch_cancel(&m->fetch);
	metrics_add(m->answered ? &cell->mirrored : &cell->mirror_drops, 1);
	if (m->tap != NULL)
		m->tap->mirror = NULL;
	loop_timer_cancel(rt->loop, &m->timer);
	link_remove(&m->link);
	rt->nmirrors--;
	loop_discard(rt->loop, &m->garbage, free_mirror);
}

static void
drop(struct mirror *m, const char *reason)
{
	log_info("mirror %.*s: a request is not copied: %s", STR_ARG(m->fetch.conf->name), reason);
	finish(m);
}

static void
on_timer(struct timer *t)
{
	finish(CONTAINER_OF(t, struct mirror, timer));
}

/* --- what becomes of it -------------------------------------------------------------------- */

/* The fields of the original, for another backend: the only attempt is made at once. */
static void
on_fields(void *user, struct str server_host, struct fields *out)
{
	struct mirror *m = user;

	forwarded_fields(m->x, m->fetch.conf, server_host, out);
	fields_remove(out, FIELD_EXPECT);
}

/* The body comes as the original's does. */
static void
on_want(void *user, uint64_t bytes)
{
	(void)user;
	(void)bytes;
}

static void
on_info(void *user, struct response *r)
{
	(void)user;
	(void)r;
}

static void
on_head(void *user, struct response *r)
{
	struct mirror *m = user;

	m->answered = true;
	if (response_is_event_stream(r))
		finish(m);		/* it has no end to wait for */
	else
		loop_timer_set(m->fetch.runtime->loop, &m->timer, clock_ms() + DRAIN_MS);
}

static enum flow
on_body(void *user, struct chain *moved)
{
	struct mirror *m = user;

	m->received += moved->len;
	chain_clear(moved);
	if (m->received > DRAIN_MAX)
		finish(m);
	return FLOW_OK;
}

static void
on_end(void *user, const struct fields *trailers)
{
	(void)trailers;
	finish(user);
}

static void
on_failed(void *user, const struct fetch_failure *failure)
{
	drop(user, failure->text);
}

static const struct fetch_events events = {
	.fields = on_fields,
	.want = on_want,
	.info = on_info,
	.head = on_head,
	.body = on_body,
	.end = on_end,
	.failed = on_failed,
};

/* --- the request --------------------------------------------------------------------------- */

static struct mirror *
new_mirror(struct exchange *x)
{
	const struct conf_mirror *c = &x->policy->mirror;
	struct mirror *m = MEM_NEW(struct mirror);
	struct fetch *f = &m->fetch;

	m->tap = x->mirror_tap;
	m->tap->mirror = m;
	m->x = x;
	arena_init(&m->arena);
	m->request.method = arena_str(&m->arena, x->request->method);
	m->request.method_id = x->request->method_id;
	m->request.framing = x->request->framing;
	m->request.content_length = x->request->content_length;
	fetch_init(f);
	f->events = &events;
	f->user = m;
	f->runtime = x->runtime;
	f->arena = &m->arena;
	f->request = &m->request;
	f->target = arena_str(&m->arena, x->uri);
	f->conf = c->backend;
	f->policy = c->policy;
	f->client = x->stream;
	f->choice.hash = hash_keys_eval(x->runtime->hash_keys, c->backend, x);
	f->request_ended = x->stream->body_done;
	f->once = true;
	timer_init(&m->timer, on_timer);
	list_append(&x->runtime->mirrors, &m->link);
	x->runtime->nmirrors++;
	return m;
}

void
mirror_start(struct exchange *x)
{
	const struct conf_backend *own = x->policy->mirror.backend;
	struct mirror *m;

	if (x->runtime->nmirrors >= MIRRORS_MAX) {
		metrics_add(&backend_cell(x->runtime->backends[own->index])->mirror_drops, 1);
		log_info("mirror %.*s: a request is not copied: too many copies in flight",
		    STR_ARG(own->name));
		return;
	}
	m = new_mirror(x);
	fetch_start(&m->fetch);
	m->x = NULL;
	m->fetch.client = NULL;
}

void
mirror_stop(struct runtime *rt)
{
	LIST_EACH(l, &rt->mirrors)
		finish(CONTAINER_OF(l, struct mirror, link));
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
	if (m == NULL || m->fetch.request_ended)
		return true;
	chain_init(&copy);
	chain_keep(&copy, bytes);
	fetch_body(&m->fetch, &copy);
	if (fetch_backlog(&m->fetch) > QUEUE_MAX)
		drop(m, "its server takes the body too slowly");
	return true;
}

static bool
end(struct exchange *x, struct filter_node *node, struct chain *bytes)
{
	struct mirror *m = ((struct mirror_tap *)node->state)->mirror;

	(void)x;
	(void)bytes;
	if (m != NULL && !m->fetch.request_ended)
		fetch_end(&m->fetch, NULL);
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
	if (!m->fetch.request_ended)
		drop(m, "its body was not taken to the end");
}

const struct filter filter_mirror = { "mirror", setup, body, end, cancel };
