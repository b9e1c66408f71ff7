/*
 * forward_retry.c - lets a server of a backend answer: which one, and when.
 *
 *	forward_try() ─► a place ─► forward_begin() ─► fails ─► forward_retry() ─► another
 *	             └─► queue ─► on_turn() ──▲                              └─► pause ─► the same
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "proxy/error_page.h"
#include "proxy/forward/forward_internal.h"
#include "proxy/forward/retry.h"
#include "proxy/runtime.h"

static struct queue *
queue_of(const struct forward *f)
{
	return backend_queue(f->backend);
}

static void
begin(struct forward *f, struct server *s)
{
	f->server = s;
	forward_begin(f);
}

/* --- waiting for a place ------------------------------------------------------------------- */

static void __attribute__((format(printf, 3, 4)))
fail_503(struct forward *f, const char *why, const char *fmt, ...)
{
	const struct conf_queue *q = &f->x->backend->queue;
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* Who comes back after as long as others wait has a fair chance. */
	error_page_retry_after(f->x, q->timeout_ms == CONF_OFF ? 1 : (q->timeout_ms + 999) / 1000);
	exchange_fail(f->x, 503, why, "backend %.*s: %s", STR_ARG(f->x->backend->name), text);
}

static bool
on_turn(struct waiter *w)
{
	struct forward *f = CONTAINER_OF(w, struct forward, waiter);
	enum backend_refusal why;
	struct server *s = backend_take(f->backend, &f->choice, &why);
	bool is_vain = s == NULL && why == BACKEND_DOWN && !f->x->backend->queue.given;

	if (s == NULL && !is_vain)
		return false;
	queue_leave(queue_of(f), w);
	if (is_vain)
		fail_503(f, "no-server", "no server is up any more");
	else
		begin(f, s);
	return true;
}

static void
on_expired(struct waiter *w)
{
	struct forward *f = CONTAINER_OF(w, struct forward, waiter);

	metrics_add(&backend_cell(f->backend)->queue_timeouts, 1);
	fail_503(f, "queue-timeout", "no server had a place in time");
}

/* False if the queue is full, or off. */
static bool
join(struct forward *f)
{
	if (!queue_join(queue_of(f), &f->waiter))
		return false;
	metrics_add(&backend_cell(f->backend)->queued, 1);
	return true;
}

static void
wait_or_fail(struct forward *f, enum backend_refusal why)
{
	const struct conf_queue *q = &f->x->backend->queue;

	if (why == BACKEND_DOWN && !q->given)
		fail_503(f, "no-server", "no server is up");
	else if (q->max == 0)
		fail_503(f, "no-server", "no server is up and has a place");
	else if (!join(f))
		fail_503(f, "queue-full", "%u requests wait already", q->max);
}

void
forward_take(struct forward *f)
{
	enum backend_refusal why;
	struct server *s = backend_take(f->backend, &f->choice, &why);

	if (s != NULL)
		begin(f, s);
	else
		wait_or_fail(f, why);
}

void
forward_try(struct forward *f)
{
	if (queue_is_used(queue_of(f)))
		wait_or_fail(f, BACKEND_FULL);
	else
		forward_take(f);
}

bool
forward_wait_for_server(struct forward *f)
{
	if (!f->x->backend->queue.given || !join(f))
		return false;
	f->choice.tried.n = 0;
	queue_unreachable(queue_of(f));
	return true;
}

static struct retry_budget *
budget_of(const struct forward *f)
{
	return &f->x->runtime->retry_budgets[f->x->backend->index];
}

static void
pay_budget(struct forward *f)
{
	if (f->owes_retry)
		retry_budget_give_back(budget_of(f), clock_ms());
	f->owes_retry = false;
}

/* A request that no server had seen before is no more work for them than any other: only if no
 * server can be reached do such retries count. */
void
forward_reached(struct forward *f)
{
	pay_budget(f);
	f->waiter.since_ms = 0;
	queue_reached(queue_of(f));
}

/* --- trying again -------------------------------------------------------------------------- */

bool
forward_may_repeat(const struct forward *f, bool unseen)
{
	return !f->x->stream->started && f->replayable &&
	    (unseen || method_is_idempotent(f->x->request->method_id));
}

static void
warn_of_budget(struct forward *f)
{
	uint32_t n = retry_budget_refused(budget_of(f), clock_ms());

	metrics_add(&backend_cell(f->backend)->retries_refused, 1);
	if (n > 0)
		log_warn("backend %.*s: retry_budget: %u failed requests were not tried again",
		    STR_ARG(f->x->backend->name), n);
}

bool
forward_grants(struct forward *f, unsigned kind)
{
	const struct conf_backend *b = f->x->backend;

	f->owes_retry = false;
	if (!(b->retry_on & kind) || f->retries >= f->x->policy->retries)
		return false;
	if (b->retry_budget_pct != CONF_OFF) {
		if (!retry_budget_take(budget_of(f), clock_ms(), b->retry_budget_pct)) {
			warn_of_budget(f);
			return false;
		}
		f->owes_retry = kind == RETRY_CONNECT;
	}
	f->retries++;
	return true;
}

void
forward_return_grant(struct forward *f)
{
	pay_budget(f);
	f->retries--;
}

static bool
was_tried(const struct forward *f, const struct server *s)
{
	for (unsigned i = 0; i < f->choice.tried.n; i++)
		if (f->choice.tried.v[i] == s->id)
			return true;
	return false;
}

bool
forward_take_other(struct forward *f)
{
	enum backend_refusal why;
	struct server *s = backend_take(f->backend, &f->choice, &why);

	if (s != NULL && was_tried(f, s)) {
		backend_give(f->backend, s);
		s = NULL;
	}
	f->server = s;
	return s != NULL;
}

static void
on_pause(struct timer *t)
{
	forward_take(CONTAINER_OF(t, struct forward, pause));
}

void
forward_retry(struct forward *f)
{
	if (f->server != NULL || (f->retries == 1 && forward_take_other(f))) {
		begin(f, f->server);
		return;
	}
	/* Later ones wait even where there is another server: all of them may be in trouble. */
	loop_timer_set(f->x->runtime->loop, &f->pause, clock_ms() + retry_pause_ms(f->retries));
}

void
forward_retry_init(struct forward *f)
{
	retry_budget_request(budget_of(f), clock_ms());
	timer_init(&f->pause, on_pause);
	f->waiter.try = on_turn;
	f->waiter.expired = on_expired;
}

void
forward_stop_waiting(struct forward *f)
{
	queue_leave(queue_of(f), &f->waiter);
	loop_timer_cancel(f->x->runtime->loop, &f->pause);
}
