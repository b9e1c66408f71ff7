/*
 * core.c - the slots of the workers, and the descriptors that wake them.
 */
#include "shm/core.h"

#include <sys/eventfd.h>
#include <sys/random.h>

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"

static uint64_t
layout(void)
{
	const size_t numbers[] = {
		sizeof(struct shm_core_data), sizeof(struct shm_worker),
		offsetof(struct shm_core_data, workers), offsetof(struct shm_worker, accepted),
		offsetof(struct shm_core_data, worker_deaths),
		offsetof(struct shm_core_data, secret),
		offsetof(struct shm_core_data, ticket_keys),
		offsetof(struct shm_core_data, master_usage), sizeof(struct shm_usage),
	};

	return segment_layout("core", numbers, ARRAY_LEN(numbers));
}

/* Closes and returns -1 with errno as it was. */
static int
fail(struct shm_core *core)
{
	int saved = errno;

	shm_core_close(core);
	errno = saved;
	return -1;
}

static bool
make_secret(struct shm_core_data *data)
{
	ssize_t n;

	do
		n = getrandom(data->secret, sizeof(data->secret), 0);
	while (n == -1 && errno == EINTR);
	return n == (ssize_t)sizeof(data->secret);	/* so few come whole */
}

int
shm_core_new(struct shm_core *core)
{
	*core = (struct shm_core){ .segment.fd = -1 };
	for (int i = 0; i < SHM_WORKERS; i++)
		core->wake_fds[i] = -1;
	if (segment_new(&core->segment, "usherd-core", layout(), sizeof(*core->data),
	    sizeof(*core->data)) == -1)
		return -1;
	core->data = (struct shm_core_data *)core->segment.base;
	if (!make_secret(core->data))
		return fail(core);
	for (int i = 0; i < SHM_WORKERS; i++) {
		core->wake_fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (core->wake_fds[i] == -1)
			return fail(core);
	}
	return 0;
}

void
shm_core_close(struct shm_core *core)
{
	for (int i = 0; i < SHM_WORKERS; i++) {
		if (core->wake_fds[i] != -1)
			close(core->wake_fds[i]);
		core->wake_fds[i] = -1;
	}
	segment_close(&core->segment);
	core->data = NULL;
}

static void
clear(struct shm_core *core, int slot)
{
	struct shm_worker *w = &core->data->workers[slot];
	struct shm_usage *usage = &core->data->worker_usage[slot];

	atomic_store(&usage->seen_ms, 0);
	atomic_store(&usage->started_wall_ms, 0);
	atomic_store(&w->pid, 0);
	atomic_store(&w->generation, 0);
	atomic_store(&w->connections, 0);
	atomic_store(&w->exchanges, 0);
	atomic_store(&w->tunnels, 0);
	atomic_store(&w->accepted, 0);
	atomic_store(&w->requests, 0);
}

int
shm_core_claim(struct shm_core *core, uint32_t generation)
{
	for (int i = 0; i < SHM_WORKERS; i++) {
		struct shm_worker *w = &core->data->workers[i];
		uint64_t stale;

		if (atomic_load(&w->state) != SHM_FREE)
			continue;
		clear(core, i);
		/* What was meant for the one before must not wake this one. */
		(void)!read(core->wake_fds[i], &stale, sizeof(stale));
		atomic_store(&w->generation, generation);
		atomic_store(&core->data->worker_usage[i].started_wall_ms,
		    (uint64_t)clock_wall_ms());
		atomic_store(&w->state, SHM_STARTING);
		return i;
	}
	return -1;
}

void
shm_core_release(struct shm_core *core, int slot)
{
	CHECK(slot >= 0 && slot < SHM_WORKERS);
	clear(core, slot);
	atomic_store(&core->data->workers[slot].state, SHM_FREE);
}

void
shm_core_wake(struct shm_core *core, int slot)
{
	uint64_t one = 1;

	CHECK(slot >= 0 && slot < SHM_WORKERS);
	/* EAGAIN: the counter is full, so the worker is about to wake anyway. */
	(void)!write(core->wake_fds[slot], &one, sizeof(one));
}

void
shm_core_wake_all(struct shm_core *core)
{
	for (int i = 0; i < SHM_WORKERS; i++) {
		uint32_t state = atomic_load(&core->data->workers[i].state);

		if (state == SHM_READY || state == SHM_DRAINING)
			shm_core_wake(core, i);
	}
}
