/*
 * generation.c - the workers that live with one configuration.
 */
#include "process/generation.h"

#include <sys/wait.h>

#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "process/child.h"

enum {
	START_TIMEOUT_MS = 60000,	/* from the fork to READY */
	GRACE_MS = 5000,		/* for a worker that was told to end, before SIGKILL */
	SLOT_RETRY_MS = 100,
};

/* Where a worker belongs: its index and whoever has it now. */
struct place {
	struct generation *generation;
	unsigned index;
	struct child *child;		/* NULL: nobody */
	struct respawn history;
	bool waits;			/* its workers crashed early too often */
	struct timer next_try;
};

static void on_deadline(struct timer *t);
static void on_respawn(struct timer *t);
static void tell_outcome(struct task *t);

struct generation *
generation_new(const struct generation_env *env, uint32_t number, struct config *config,
    struct listener_set *listeners, struct logs *logs, unsigned max_connections)
{
	struct generation *g = MEM_NEW(struct generation);

	g->env = env;
	g->number = number;
	g->config = config;
	g->listeners = *listeners;
	g->logs = *logs;
	*listeners = (struct listener_set){ .n = 0 };
	*logs = (struct logs){ .error_fd = -1 };
	g->max_connections = max_connections;
	g->nplaces = config->snapshot->global.workers;
	g->places = mem_zalloc(g->nplaces, sizeof(*g->places));
	for (unsigned i = 0; i < g->nplaces; i++) {
		g->places[i].generation = g;
		g->places[i].index = i;
		timer_init(&g->places[i].next_try, on_respawn);
	}
	link_init(&g->link);
	link_init(&g->children);
	timer_init(&g->deadline, on_deadline);
	task_init(&g->outcome, tell_outcome);
	return g;
}

static void
free_generation(struct garbage *garbage)
{
	struct generation *g = CONTAINER_OF(garbage, struct generation, garbage);

	config_free(g->config);
	mem_free(g->places);
	mem_free(g);
}

static void
cancel_respawns(struct generation *g)
{
	for (unsigned i = 0; i < g->nplaces; i++)
		loop_timer_cancel(g->env->loop, &g->places[i].next_try);
}

void
generation_free(struct generation *g)
{
	CHECK(link_empty(&g->children));
	cancel_respawns(g);
	loop_timer_cancel(g->env->loop, &g->deadline);
	task_cancel(&g->outcome);
	link_remove(&g->link);
	listeners_give(&g->listeners);
	logs_close(&g->logs);
	shm_servers_forget(&g->env->shm->servers, g->number);
	loop_discard(g->env->loop, &g->garbage, free_generation);
}

static bool
all_ready(const struct generation *g)
{
	for (unsigned i = 0; i < g->nplaces; i++) {
		if (g->places[i].child == NULL || !g->places[i].child->ready)
			return false;
	}
	return true;
}

/* A task of its own, so that an event never comes out of the middle of a call. */
static void
tell_outcome(struct task *t)
{
	struct generation *g = CONTAINER_OF(t, struct generation, outcome);
	const struct generation_events *events = g->env->events;

	if (g->state == GENERATION_ENDING) {
		if (link_empty(&g->children))
			events->ended(g->env->arg, g);
	} else if (g->did_fail) {
		events->failed(g->env->arg, g);
	} else if (g->state == GENERATION_STARTING && all_ready(g)) {
		g->state = GENERATION_SERVING;
		loop_timer_cancel(g->env->loop, &g->deadline);
		events->ready(g->env->arg, g);
	}
}

static void
fail(struct generation *g)
{
	g->did_fail = true;
	loop_post(g->env->loop, &g->outcome);
}

static void
set_shm_state(const struct generation *g, const struct child *c, enum shm_worker_state state)
{
	atomic_store(&g->env->shm->core.data->workers[c->slot].state, state);
}

static void
on_word(struct child *c, enum channel_kind kind)
{
	struct generation *g = c->owner;
	struct place *place = &g->places[c->index];

	if (kind == CHANNEL_READY && !c->ready) {
		c->ready = true;
		if (!c->leaving)
			set_shm_state(g, c, SHM_READY);
		log_info("worker %u (pid %d, generation %u) is ready", c->index, (int)c->pid,
		    g->number);
		loop_post(g->env->loop, &g->outcome);
	} else if (kind == CHANNEL_LEAVING && !c->leaving) {
		/* Somebody asked it directly; its place is free for the next one. */
		c->leaving = true;
		set_shm_state(g, c, SHM_DRAINING);
		log_info("worker %u (pid %d, generation %u) was asked to end", c->index,
		    (int)c->pid, g->number);
		place->child = NULL;
		if (g->state == GENERATION_SERVING)
			loop_timer_set(g->env->loop, &place->next_try, clock_ms());
		else if (g->state == GENERATION_STARTING)
			fail(g);
	}
}

static void
retry_later(struct place *place, msec delay_ms)
{
	loop_timer_set(place->generation->env->loop, &place->next_try, clock_ms() + delay_ms);
}

static unsigned
count_waiting(const struct generation *g)
{
	unsigned n = 0;

	for (unsigned i = 0; i < g->nplaces; i++)
		n += g->places[i].waits;
	return n;
}

/* A worker is dead. */
static void
replace(struct place *place, const struct child *c, int status)
{
	const struct generation *g = place->generation;
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	msec delay = respawn_delay(&place->history, clock_ms() - c->started_ms, killed);

	place->child = NULL;
	if (delay > 0 && !respawn_may_wait(count_waiting(g), g->nplaces))
		delay = 0;
	place->waits = delay > 0;
	if (place->waits)
		log_warn("worker %u: %u early crashes in a row: the next one starts in %g s",
		    place->index, place->history.crashes, (double)delay / 1000);
	retry_later(place, delay);
}

/* No worker could be forked, for want of processes or memory. */
static void
try_again(struct place *place)
{
	msec delay = respawn_retry(&place->history);

	log_warn("worker %u: the next try to start it comes in %g s", place->index,
	    (double)delay / 1000);
	retry_later(place, delay);
}

/* True if it forked, or tried to. */
static bool
spawn(struct place *place)
{
	struct generation *g = place->generation;
	struct shm_core *core = &g->env->shm->core;
	struct worker_start start = {
		.config = g->config,
		.shm = g->env->shm,
		.listeners = &g->listeners,
		.logs = &g->logs,
		.max_connections = g->max_connections,
		.slot = shm_core_claim(core, g->number),
		.index = place->index,
		.generation = g->number,
	};
	struct child *c;

	place->waits = false;
	if (start.slot == -1) {
		g->env->no_slot(g->env->arg);
		retry_later(place, SLOT_RETRY_MS);
		return false;
	}
	c = child_spawn(g->env->loop, &start, on_word, g);
	if (c == NULL) {
		shm_core_release(core, start.slot);
		if (g->state == GENERATION_STARTING)
			fail(g);
		else
			try_again(place);
		return true;
	}
	place->history.failures = 0;
	place->child = c;
	list_append(&g->children, &c->link);
	atomic_store(&core->data->workers[c->slot].pid, c->pid);
	g->env->changed(g->env->arg);
	return true;
}

static void
on_respawn(struct timer *t)
{
	struct place *place = CONTAINER_OF(t, struct place, next_try);
	const struct generation *g = place->generation;
	msec now = clock_ms(), allowed = respawn_next(g->env->pace, now);

	if (place->child != NULL || g->state == GENERATION_ENDING)
		return;
	if (allowed > now)
		loop_timer_set(g->env->loop, &place->next_try, allowed);
	else if (spawn(place))
		respawn_note(g->env->pace, now);
}

int
generation_start(struct generation *g)
{
	if (proxy_publish(g->config->proxy, g->env->servers, g->number) == -1)
		return -1;
	loop_timer_set(g->env->loop, &g->deadline, clock_ms() + START_TIMEOUT_MS);
	for (unsigned i = 0; i < g->nplaces && !g->did_fail; i++)
		spawn(&g->places[i]);
	return 0;
}

static void
begin_ending(struct generation *g, enum channel_kind kind, msec patience_ms)
{
	g->state = GENERATION_ENDING;
	cancel_respawns(g);
	LIST_EACH(link, &g->children) {
		struct child *c = CONTAINER_OF(link, struct child, link);

		set_shm_state(g, c, SHM_DRAINING);
		child_tell(c, kind);
	}
	loop_timer_set(g->env->loop, &g->deadline,
	    patience_ms == CONF_OFF ? TIMER_NEVER : clock_ms() + patience_ms + GRACE_MS);
	loop_post(g->env->loop, &g->outcome);
}

void
generation_drain(struct generation *g, enum channel_kind kind)
{
	const struct conf_global *conf = &g->config->snapshot->global;

	if (g->stopped)
		return;
	begin_ending(g, kind, kind == CHANNEL_DRAIN ? conf->drain_timeout_ms :
	    conf->shutdown_timeout_ms);
}

void
generation_stop(struct generation *g)
{
	if (g->stopped)
		return;
	g->stopped = true;
	begin_ending(g, CHANNEL_STOP, 0);
}

/* Workers end by themselves when their time is over; this is for those that cannot. */
static void
kill_all(struct generation *g)
{
	LIST_EACH(link, &g->children) {
		struct child *c = CONTAINER_OF(link, struct child, link);

		log_warn("worker %u (pid %d, generation %u) does not end: killing it", c->index,
		    (int)c->pid, g->number);
		c->killed = true;
		kill(c->pid, SIGKILL);
	}
}

static void
on_deadline(struct timer *t)
{
	struct generation *g = CONTAINER_OF(t, struct generation, deadline);

	if (g->state == GENERATION_ENDING) {
		kill_all(g);
	} else if (g->state == GENERATION_STARTING) {
		log_error("generation %u: workers are not ready after %d s", g->number,
		    START_TIMEOUT_MS / 1000);
		fail(g);
	}
}

/* The line about the end of a worker; true if it was a death. */
static bool
log_end(const struct generation *g, const struct child *c, int status)
{
	if (c->leaving && (status == 0 || c->killed)) {
		log_info("worker %u (pid %d, generation %u) ended", c->index, (int)c->pid,
		    g->number);
		return false;
	}
	if (WIFSIGNALED(status)) {
		log_error("worker %u (pid %d, generation %u) died: signal %d (%s)", c->index,
		    (int)c->pid, g->number, WTERMSIG(status), strsignal(WTERMSIG(status)));
	} else {
		log_error("worker %u (pid %d, generation %u) died: exit status %d", c->index,
		    (int)c->pid, g->number, WEXITSTATUS(status));
	}
	return true;
}

static void
bury(struct generation *g, struct child *c, int status)
{
	struct proxy_shm *shm = g->env->shm;
	struct place *place = &g->places[c->index];
	bool died;

	child_hear(c);			/* it may have said that it was leaving */
	died = log_end(g, c, status);
	if (died)
		atomic_fetch_add(&shm->core.data->worker_deaths, 1);
	shm_servers_repair(&shm->servers, c->slot);
	shm_core_release(&shm->core, c->slot);
	if (g->state == GENERATION_STARTING)
		fail(g);
	else if (g->state == GENERATION_SERVING && place->child == c)
		replace(place, c, status);
	if (place->child == c)
		place->child = NULL;
	child_free(c);
	loop_post(g->env->loop, &g->outcome);
	g->env->changed(g->env->arg);
}

bool
generation_reap(struct generation *g, pid_t pid, int status)
{
	LIST_EACH(link, &g->children) {
		struct child *c = CONTAINER_OF(link, struct child, link);

		if (c->pid == pid) {
			bury(g, c, status);
			return true;
		}
	}
	return false;
}

int
generation_reopen_logs(struct generation *g)
{
	struct logs old = g->logs, fresh;

	if (logs_open(&fresh, g->config->snapshot) == -1)
		return -1;
	g->logs = fresh;
	LIST_EACH(link, &g->children)
		child_send_logs(CONTAINER_OF(link, struct child, link), &g->logs);
	logs_close(&old);
	return 0;
}

/* Health checks of servers, and workers that come later, show it. */
static void
renew(void *arg, unsigned index, struct tls_cert *cert)
{
	proxy_renew_servers(arg, index, cert);
}

uint64_t
generation_send_certificates(struct generation *g)
{
	uint64_t all_have = UINT64_MAX;

	certificate_set_refresh(&g->config->certificates, renew, g->config->proxy);
	LIST_EACH(link, &g->children) {
		struct child *c = CONTAINER_OF(link, struct child, link);

		child_send_certificates(c);
		/* One whose channel broke gets no more. */
		if (c->channel.fd != -1 && c->certificates_seen < all_have)
			all_have = c->certificates_seen;
	}
	return all_have;
}
