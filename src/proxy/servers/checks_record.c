/*
 * checks_record.c - active health checks: what comes of a look at a server.
 */
#include "proxy/servers/checks_internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "base/log.h"

enum { WAKE_EVERY_MS = 20 };

/* ---- telling workers */

/* They drop connections, and let waiting requests go on. */
static void
wake_workers(struct checks *c)
{
	shm_core_wake_all(&c->shm->core);
	c->news = false;
	loop_timer_set(c->loop, &c->wake, clock_ms() + WAKE_EVERY_MS);
}

void
checks_on_wake(struct timer *t)
{
	struct checks *c = CONTAINER_OF(t, struct checks, wake);

	if (c->news)
		wake_workers(c);
}

/* The first change at once, what follows soon after in one go. */
void
checks_tell_workers(struct checks *c)
{
	c->news = true;
	if (c->wake.deadline_ms == TIMER_NEVER)
		wake_workers(c);
}

/* ---- what a look found */

static const char *
state_name(enum shm_health state)
{
	return state == HEALTH_DOWN ? "down" : "up";
}

/* `since` is when the state before began, 0 if there was none. */
static void
log_change(const struct check *k, const struct probe_result *r, enum shm_health before,
    uint64_t since_wall_ms)
{
	const struct conf_check *conf = &k->backend->check;
	char addr[ADDR_TEXT], was[48] = "", count[32] = "first look";
	int64_t ms = clock_wall_ms() - (int64_t)since_wall_ms;

	addr_text(&k->server->addr, addr);
	if (before != HEALTH_UNCHECKED) {
		snprintf(count, sizeof(count), "%u of %u", k->health.in_row,
		    k->health.good ? conf->rise : conf->fall);
		if (since_wall_ms != 0 && ms >= 0)
			snprintf(was, sizeof(was), " (was %s %" PRId64 ".%" PRId64 " s)",
			    state_name(before), ms / 1000, ms / 100 % 10);
	}
	/* That a server is up was taken for granted. */
	if (before == HEALTH_UNCHECKED && k->health.state == HEALTH_UP)
		log_info("backend %.*s: server %s: up: %s, %s%s", STR_ARG(k->backend->name), addr,
		    r->text, count, was);
	else
		log_notice("backend %.*s: server %s: %s: %s, %s%s", STR_ARG(k->backend->name), addr,
		    state_name(k->health.state), r->text, count, was);
}

static void
set_health(struct check *k, const struct probe_result *r, enum shm_health before)
{
	struct shm_look *look = &k->server->look;
	uint64_t since = atomic_load(&look->changed_wall_ms);

	atomic_store(&look->changed_wall_ms, (uint64_t)clock_wall_ms());
	log_change(k, r, before, since);
	if (shm_server_set_health(&k->all->shm->servers, k->server, k->health.state))
		checks_tell_workers(k->all);
}

/* We could not even look: that says nothing about the server. */
static void
log_failed(struct check *k, const struct probe_result *r)
{
	char addr[ADDR_TEXT];

	if (!log_once_a_second(&k->all->last_failed_ms))
		return;
	addr_text(&k->server->addr, addr);
	log_error("backend %.*s: server %s: no check was possible: %s", STR_ARG(k->backend->name),
	    addr, r->text);
}

void
checks_record(struct check *k, const struct probe_result *r)
{
	const struct conf_check *conf = &k->backend->check;
	struct shm_look *look = &k->server->look;
	enum shm_health before = k->health.state;
	bool good = r->finding == FOUND_OK, changed;

	atomic_store(&look->finding, r->finding);
	atomic_store(&look->status, (uint32_t)r->status);
	atomic_store(&look->latency_us, r->latency_us);
	atomic_store(&look->at_wall_ms, (uint64_t)clock_wall_ms());
	if (r->finding == FOUND_FAILED) {
		log_failed(k, r);
		return;
	}
	atomic_fetch_add(good ? &look->good : &look->bad, 1);
	changed = health_count(&k->health, good, conf->rise, conf->fall);
	atomic_store(&look->in_row, k->health.in_row);
	if (changed)
		set_health(k, r, before);
	else if (!good)
		log_debug("backend %.*s: server %s: check: %s, %u in a row",
		    STR_ARG(k->backend->name), k->server->name, r->text, k->health.in_row);
}
