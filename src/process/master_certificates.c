/*
 * master_certificates.c - renewed certificates and ticket keys, without a reload.
 */
#include "process/master_internal.h"

#include "base/log.h"
#include "process/certificates.h"
#include "process/tickets.h"

enum { TURN_US = 10000 };	/* then others have their turn: signals, health checks */

/* What the workers of all generations have need not be kept for them any longer. */
static void
send_certificates(struct master *m)
{
	uint64_t all_have = UINT64_MAX;

	LIST_EACH(link, &m->generations) {
		uint64_t have = generation_send_certificates(CONTAINER_OF(link, struct generation,
		    link));

		if (have < all_have)
			all_have = have;
	}
	certificates_forget_parcels(m->certificates, all_have);
}

static void
watch_one(void *arg, const char *path)
{
	watch_path(arg, path);
}

static void
spread(struct master *m, bool complete)
{
	loop_timer_set(m->loop, &m->look_on, complete ? TIMER_NEVER : clock_ms());
	certificates_warn_of_expiry(m->certificates, clock_wall_ms());
	send_certificates(m);
}

static void
on_look_on(struct timer *t)
{
	struct master *m = CONTAINER_OF(t, struct master, look_on);

	spread(m, certificates_look_on(m->certificates, TURN_US));
}

static void
look(void *arg)
{
	struct master *m = arg;

	/* First the watches: what changes from here on is seen by them. */
	watch_begin(&m->watch);
	certificates_each_path(m->certificates, watch_one, &m->watch);
	watch_end(&m->watch);
	spread(m, certificates_look(m->certificates, TURN_US));
	tickets_rotate(&m->shm.core, clock_wall_ms());
}

void
master_watch_certificates(struct master *m)
{
	timer_init(&m->look_on, on_look_on);
	watch_open(&m->watch, m->loop, look, m);
	look(m);
}

void
master_certificates_changed(struct master *m)
{
	look(m);
}
