/*
 * fetch_retry.c - asks a server of a backend: which one, and when.
 *
 *	fetch_try() ─► a place ─► fetch_begin() ─► fails ─► fetch_retry() ─► another
 *	           └─► queue ─► on_turn() ──▲                            └─► pause ─► another
 *
 * No server is asked twice for a request, but for one whose kept connection had ended, and behind a
 * queue that waits for servers that are down.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "proxy/fetch/fetch_internal.h"
#include "proxy/fetch/retry_budget.h"
#include "proxy/runtime.h"

static struct queue *
queue_of(const struct fetch *f)
{
	return backend_queue(f->backend);
}

static void
begin(struct fetch *f, struct server *s)
{
	f->server = s;
	fetch_begin(f);
}

/* --- waiting for a place ------------------------------------------------------------------- */

static void __attribute__((format(printf, 3, 4)))
fail_503(struct fetch *f, const char *why, const char *fmt, ...)
{
	const struct conf_queue *q = &f->conf->queue;
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f->failure = (struct fetch_failure){
		.status = 503,
		.why = why,
		.text = arena_printf(f->arena, "backend %.*s: %s", STR_ARG(f->conf->name), text).p,
		/* Who comes back after as long as others wait has a fair chance. */
		.retry_after_s = q->timeout_ms == CONF_OFF ? 1 : (q->timeout_ms + 999) / 1000,
	};
	fetch_give_up(f);
}

/* There is no server for this request: the failure of the last one stands, if one was asked. */
static void
nothing_left(struct fetch *f, const char *text)
{
	if (f->failure.why != NULL || f->held != NULL)
		fetch_give_up(f);
	else
		fail_503(f, "no-server", "%s", text);
}

/* Whether waiting is of no use. */
static bool
is_in_vain(const struct fetch *f, enum backend_refusal why)
{
	return why == BACKEND_TRIED || (why == BACKEND_DOWN && !f->conf->queue.given);
}

static bool
on_turn(struct waiter *w)
{
	struct fetch *f = CONTAINER_OF(w, struct fetch, waiter);
	enum backend_refusal why;
	struct server *s = backend_take(f->backend, &f->choice, &why);

	if (s == NULL && !is_in_vain(f, why))
		return false;
	queue_leave(queue_of(f), w);
	if (s != NULL)
		begin(f, s);
	else
		nothing_left(f, "no server is up any more");
	return true;
}

static void
on_expired(struct waiter *w)
{
	struct fetch *f = CONTAINER_OF(w, struct fetch, waiter);

	metrics_add(&backend_cell(f->backend)->queue_timeouts, 1);
	fail_503(f, "queue-timeout", "no server had a place in time");
}

/* False if the queue is full, or off. */
static bool
join(struct fetch *f)
{
	if (!queue_join(queue_of(f), &f->waiter))
		return false;
	metrics_add(&backend_cell(f->backend)->queued, 1);
	return true;
}

static void
wait_or_fail(struct fetch *f, enum backend_refusal why)
{
	const struct conf_queue *q = &f->conf->queue;

	if (f->once)
		fail_503(f, "no-server", "no server is up and has a place");
	else if (is_in_vain(f, why))
		nothing_left(f, "no server is up");
	else if (q->max == 0)
		nothing_left(f, "no server is up and has a place");
	else if (!join(f))
		fail_503(f, "queue-full", "%u requests wait already", q->max);
}

static void
take(struct fetch *f)
{
	enum backend_refusal why;
	struct server *s = backend_take(f->backend, &f->choice, &why);

	if (s != NULL)
		begin(f, s);
	else
		wait_or_fail(f, why);
}

void
fetch_try(struct fetch *f)
{
	if (queue_is_used(queue_of(f)))
		wait_or_fail(f, BACKEND_FULL);
	else
		take(f);
}

bool
fetch_wait_for_server(struct fetch *f)
{
	if (f->once || f->reached || f->held != NULL || !f->conf->queue.given || !join(f))
		return false;
	f->choice.tried.n = 0;
	queue_unreachable(queue_of(f));
	return true;
}

static struct retry_budget *
budget_of(const struct fetch *f)
{
	return &f->runtime->retry_budgets[f->conf->index];
}

/* A request that no server had seen before is no more work for them than any other: only if no
 * server can be reached do such retries count. */
void
fetch_reached(struct fetch *f)
{
	if (f->owes_retry)
		retry_budget_give_back(budget_of(f), clock_ms());
	f->owes_retry = false;
	f->waiter.since_ms = 0;
	queue_reached(queue_of(f));
}

/* --- trying again -------------------------------------------------------------------------- */

bool
fetch_may_repeat(const struct fetch *f, bool unseen)
{
	return !f->answered && f->replayable &&
	    (unseen || method_is_idempotent(f->request->method_id));
}

static void
warn_of_budget(struct fetch *f)
{
	uint32_t n = retry_budget_refused(budget_of(f), clock_ms());

	metrics_add(&backend_cell(f->backend)->retries_refused, 1);
	if (n > 0)
		log_warn("backend %.*s: retry_budget: %u failed requests were not tried again",
		    STR_ARG(f->conf->name), n);
}

bool
fetch_grants(struct fetch *f, unsigned kind)
{
	const struct conf_backend *b = f->conf;

	f->owes_retry = false;
	if (!(b->retry_on & kind) || f->retries >= f->policy->retries ||
	    !backend_has_untried(f->backend, &f->choice))
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

static void
on_pause(struct timer *t)
{
	struct fetch *f = CONTAINER_OF(t, struct fetch, pause);

	if (f->holding)
		fetch_drop_held(f);
	else
		take(f);
}

void
fetch_retry(struct fetch *f)
{
	/* Later ones wait even where there is another server: all of them may be in trouble. */
	if (f->retries == 1)
		take(f);
	else
		loop_timer_set(f->runtime->loop, &f->pause,
		    clock_ms() + retry_pause_ms(f->retries));
}

void
fetch_retry_init(struct fetch *f)
{
	if (!f->once)
		retry_budget_request(budget_of(f), clock_ms());
	timer_init(&f->pause, on_pause);
	f->waiter.try = on_turn;
	f->waiter.expired = on_expired;
}

void
fetch_stop_waiting(struct fetch *f)
{
	queue_leave(queue_of(f), &f->waiter);
	loop_timer_cancel(f->runtime->loop, &f->pause);
}
