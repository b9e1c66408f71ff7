/*
 * queue.c - requests of one worker that wait for a place in a backend, first come first served.
 */
#include "proxy/balance/queue.h"

#include "base/check.h"
#include "base/mem.h"

enum { LOOK_MS = 100 };		/* how often who waits looks again, whatever it was told */

struct queue {
	const struct conf_queue *conf;
	struct shm_group *group;
	struct shm_core *core;
	struct loop *loop;
	int worker;
	struct link *used;
	struct link link;		/* in it, while anybody waits */
	struct link waiters;		/* by since_ms, so the first one expires first */
	unsigned n;
	struct timer timer;		/* armed while anybody waits */
	struct task run;
	bool unreachable;
	msec next_probe_ms;		/* when the next one may try then */
};

static struct waiter *
first(struct queue *q)
{
	struct link *l = list_first(&q->waiters);

	return l != NULL ? CONTAINER_OF(l, struct waiter, link) : NULL;
}

/* Shows the other workers. */
static void
publish(struct queue *q)
{
	struct waiter *w = first(q);

	shm_group_set_queue(q->group, q->worker, q->n, w != NULL ? w->since_ms : 0);
}

/* When the time of a waiter is over. */
static msec
end_of(const struct queue *q, const struct waiter *w)
{
	return q->conf->timeout_ms == CONF_OFF ? TIMER_NEVER : w->since_ms + q->conf->timeout_ms;
}

static void
arm(struct queue *q)
{
	struct waiter *w = first(q);
	msec look = clock_ms() + LOOK_MS;

	if (w == NULL)
		loop_timer_cancel(q->loop, &q->timer);
	else
		loop_timer_set(q->loop, &q->timer,
		    end_of(q, w) < look ? end_of(q, w) : look);
}

static void
expire(struct queue *q)
{
	struct waiter *w;

	while ((w = first(q)) != NULL && end_of(q, w) <= clock_ms()) {
		queue_leave(q, w);
		w->expired(w);
	}
}

static void
on_timer(struct timer *t)
{
	struct queue *q = CONTAINER_OF(t, struct queue, timer);

	expire(q);
	queue_run(q);
	arm(q);
}

static void
on_run(struct task *t)
{
	queue_run(CONTAINER_OF(t, struct queue, run));
}

struct queue *
queue_new(const struct conf_queue *conf, struct shm_group *group, struct shm_core *core,
    struct loop *loop, int worker, struct link *used)
{
	struct queue *q = MEM_NEW(struct queue);

	q->conf = conf;
	q->group = group;
	q->core = core;
	q->loop = loop;
	q->worker = worker;
	q->used = used;
	link_init(&q->link);
	link_init(&q->waiters);
	timer_init(&q->timer, on_timer);
	task_init(&q->run, on_run);
	return q;
}

void
queue_free(struct queue *q)
{
	if (q == NULL)
		return;
	CHECK(q->n == 0);
	loop_timer_cancel(q->loop, &q->timer);
	task_cancel(&q->run);
	mem_free(q);
}

/* Those that wait in another generation may do so for servers that this one does not have. */
static bool
others_wait(const struct queue *q)
{
	return shm_group_has_waiting(q->group) && shm_group_has_waiting_in(q->group, q->core,
	    q->core->data->workers[q->worker].generation);
}

bool
queue_is_used(const struct queue *q)
{
	return q->conf->max > 0 && (q->n > 0 || others_wait(q));
}

unsigned
queue_length(const struct queue *q)
{
	return q->n;
}

static void
insert(struct queue *q, struct waiter *w)
{
	struct link *before = q->waiters.prev;

	while (before != &q->waiters &&
	    CONTAINER_OF(before, struct waiter, link)->since_ms > w->since_ms)
		before = before->prev;
	link_init(&w->link);
	link_add_before(before->next, &w->link);
	w->waits = true;
	q->n++;
}

static void
take_out(struct queue *q, struct waiter *w)
{
	link_remove(&w->link);
	w->waits = false;
	q->n--;
	publish(q);
}

bool
queue_join(struct queue *q, struct waiter *w)
{
	CHECK(!w->waits);
	if (q->conf->max == 0)
		return false;
	if (w->since_ms == 0)
		w->since_ms = clock_ms();
	insert(q, w);
	publish(q);
	/* Counted after this one shows, so that two workers at once cannot both be the last. */
	if (shm_group_queued(q->group) > q->conf->max) {
		take_out(q, w);
		return false;
	}
	if (q->n > 1)
		return true;
	list_append(q->used, &q->link);
	arm(q);
	/* A place that was given back while nobody seemed to wait would stay free. */
	if (shm_group_next(q->group, -1) == q->worker)
		loop_post(q->loop, &q->run);
	return true;
}

void
queue_leave(struct queue *q, struct waiter *w)
{
	if (!w->waits)
		return;
	take_out(q, w);
	if (q->n > 0)
		return;
	link_remove(&q->link);
	loop_timer_cancel(q->loop, &q->timer);
	/* This worker may have been woken for more places than it can use now. */
	queue_freed(q);
}

/* Lets the next one after a worker (-1: the first one) know of a place. */
static void
tell_next(struct queue *q, int after)
{
	int worker = shm_group_next(q->group, after);

	if (worker == -1)
		return;
	shm_group_tell(q->group, worker);
	if (worker == q->worker)
		loop_post(q->loop, &q->run);
	else
		shm_core_wake(q->core, worker);
}

void
queue_freed(struct queue *q)
{
	if (shm_group_has_waiting(q->group))
		tell_next(q, -1);
}

void
queue_unreachable(struct queue *q)
{
	q->unreachable = true;
	q->next_probe_ms = clock_ms() + LOOK_MS;
}

void
queue_reached(struct queue *q)
{
	if (!q->unreachable)
		return;
	q->unreachable = false;
	if (q->n > 0)
		loop_post(q->loop, &q->run);
}

/* Whether the next one may try now. */
static bool
may_try(struct queue *q)
{
	if (!q->unreachable)
		return true;
	if (clock_ms() < q->next_probe_ms)
		return false;
	q->next_probe_ms = clock_ms() + LOOK_MS;
	return true;
}

void
queue_run(struct queue *q)
{
	bool told = shm_group_was_told(q->group, q->worker), used = false;

	/* Who fails at once may be back in line: each gets one turn. */
	for (unsigned turns = q->n; turns > 0 && q->n > 0; turns--) {
		struct waiter *w = first(q);

		if (!may_try(q) || !w->try(w))
			break;
		used = true;
	}
	if (told && !used && q->n > 0)
		tell_next(q, q->worker);
}

void
queue_run_all(struct link *used)
{
	struct link turn;
	struct link *l;

	link_init(&turn);
	list_move_all(&turn, used);
	while ((l = list_first(&turn)) != NULL) {
		link_remove(l);
		list_append(used, l);
		queue_run(CONTAINER_OF(l, struct queue, link));
	}
}
