/*
 * eject.c - passive checks: a server that fails again and again gets no requests for a while.
 *
 * Everything is in the server's slot, and moved by single steps: workers that see errors at the
 * same time agree on who of them ejects, and on how many may be out.
 */
#include "proxy/balance/eject.h"

#include "base/log.h"

/* How long the n-th ejection in a row lasts. */
static msec
duration_of(const struct conf_eject *conf, uint32_t n)
{
	if (n == 0 || conf->time_ms > EJECT_MAX_MS / n)
		return n == 0 ? conf->time_ms : EJECT_MAX_MS;
	return conf->time_ms * n;
}

/* After as long a good stretch as the last ejection was, the next one is the first again. */
void
eject_good(const struct view *w, struct server *s)
{
	const struct conf_eject *conf = &w->env.conf->eject;
	struct shm_server *shared = s->shared;
	uint32_t n;

	/* Mostly both are 0 already: then the cache line stays with all workers. */
	if (atomic_load_explicit(&shared->errors, memory_order_relaxed) != 0)
		atomic_store_explicit(&shared->errors, 0, memory_order_relaxed);
	n = atomic_load_explicit(&shared->ejections, memory_order_relaxed);
	if (n != 0 && clock_ms() - atomic_load(&shared->ejected_until_ms) > duration_of(conf, n))
		atomic_store_explicit(&shared->ejections, 0, memory_order_relaxed);
}

static bool
is_out(const struct shm_server *s)
{
	return atomic_load(&s->ejected_until_ms) > clock_ms() ||
	    atomic_load(&s->health) == HEALTH_DOWN;
}

/*
 * Whether too many are out with so many more, of those that the operator wants in.  Who is down
 * counts too: else the others could be ejected to the last one.
 */
static bool
too_many_out(const struct view *w, unsigned more)
{
	unsigned out = more, n = 0;

	for (uint32_t i = 0; i < w->n; i++) {
		const struct view_member *m = &w->v[i];

		if (m->state == MEMBER_OFF || m->state == MEMBER_DRAINS)
			continue;
		n++;
		out += is_out(m->as.shared);
	}
	return out * 100 > w->env.conf->eject.max_pct * n;
}

/* Of workers that do this at once one succeeds. */
static bool
set_ejected(const struct view *w, struct server *s, msec duration)
{
	struct shm_server *shared = s->shared;
	msec before = atomic_load(&shared->ejected_until_ms), until = clock_ms() + duration;

	if (before > clock_ms() || too_many_out(w, 1))
		return false;
	if (!atomic_compare_exchange_strong(&shared->ejected_until_ms, &before, until))
		return false;
	if (!too_many_out(w, 0))
		return true;
	/* Another worker has just ejected another server. */
	(void)atomic_compare_exchange_strong(&shared->ejected_until_ms, &until, before);
	shm_group_changed(w->group);
	return false;
}

void
eject_bad(const struct view *w, struct server *s)
{
	const struct conf_eject *conf = &w->env.conf->eject;
	uint32_t errors, n;
	msec duration;

	/* What fails now was sent before: it says nothing about how the server will come back. */
	if (conf->errors == 0 || is_out(s->shared))
		return;
	errors = atomic_fetch_add(&s->shared->errors, 1) + 1;
	if (errors < conf->errors)
		return;
	n = atomic_load(&s->shared->ejections) + 1;
	duration = duration_of(conf, n);
	if (!set_ejected(w, s, duration))
		return;
	atomic_store(&s->shared->ejections, n);
	atomic_store(&s->shared->errors, 0);
	shm_group_changed(w->group);
	metrics_add(&s->cell->ejections, 1);
	log_notice("backend %.*s: server %.*s: ejected for %g s after %u errors in a row",
	    STR_ARG(w->env.conf->name), STR_ARG(s->addr_text), (double)duration / 1000, errors);
}
