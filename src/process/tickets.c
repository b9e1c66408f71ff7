/*
 * tickets.c - where the keys of TLS session tickets come from.
 */
#include "process/tickets.h"

#include <sys/random.h>

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "net/tls_server.h"

/* shm/ keeps keys as words without knowing what they are. */
union keys {
	struct shm_keys shm;
	struct tls_ticket_key tls[TLS_TICKET_KEYS];
};

_Static_assert(sizeof(struct shm_keys) == TLS_TICKET_KEYS * sizeof(struct tls_ticket_key),
    "shm/keys.h has room for the ticket keys");

static struct {
	const struct shm_core *core;
	struct str secret;
	struct tls_ticket_key derived[TLS_TICKET_KEYS];
	msec derived_period;		/* which period they are of; 0: of none yet */
} source;

static int
random_bytes(void *p, size_t n)
{
	char *at = p;

	while (n > 0) {
		ssize_t got = getrandom(at, n, 0);

		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			return -1;
		at += got;
		n -= (size_t)got;
	}
	return 0;
}

void
tickets_rotate(struct shm_core *core, msec wall_ms)
{
	struct shm_key_ring *ring = &core->data->ticket_keys;
	struct tls_ticket_key fresh = { .begin_wall_ms = wall_ms };
	union keys keys;
	msec age;

	if (!shm_keys_get(ring, &keys.shm))
		memset(&keys, 0, sizeof(keys));
	age = wall_ms - keys.tls[0].begin_wall_ms;
	if (keys.tls[0].begin_wall_ms != 0 && age >= 0 && age < TICKETS_PERIOD_MS)
		return;
	if (random_bytes(fresh.name, sizeof(fresh.name)) == -1 ||
	    random_bytes(fresh.secret, sizeof(fresh.secret)) == -1) {
		log_error("ticket keys: getrandom: %m");
		return;
	}
	memmove(&keys.tls[1], &keys.tls[0], sizeof(keys.tls) - sizeof(keys.tls[0]));
	keys.tls[0] = fresh;
	shm_keys_set(ring, &keys.shm);
	explicit_bzero(&keys, sizeof(keys));
	explicit_bzero(&fresh, sizeof(fresh));
}

static bool
read_shared(void *arg, struct tls_ticket_key out[TLS_TICKET_KEYS])
{
	union keys keys;

	(void)arg;
	if (!shm_keys_get(&source.core->data->ticket_keys, &keys.shm))
		return false;
	memcpy(out, keys.tls, sizeof(keys.tls));
	return true;
}

static bool
read_derived(void *arg, struct tls_ticket_key out[TLS_TICKET_KEYS])
{
	msec now = clock_wall_ms(), period = now / TICKETS_PERIOD_MS;

	(void)arg;
	if (period != source.derived_period) {
		for (int i = 0; i < TLS_TICKET_KEYS; i++)
			tls_ticket_derive(source.secret, now - i * (msec)TICKETS_PERIOD_MS,
			    &source.derived[i]);
		source.derived_period = period;
	}
	memcpy(out, source.derived, sizeof(source.derived));
	return true;
}

void
tickets_use(const struct shm_core *core, struct str secret)
{
	source.core = core;
	source.secret = secret;
	source.derived_period = 0;
	tls_tickets_use(secret.p != NULL ? read_derived : read_shared, NULL);
}
