/*
 * core.h - the slots of the workers, what processes use, the descriptors that wake them, ticket
 * keys.
 */
#ifndef USHERD_SHM_CORE_H
#define USHERD_SHM_CORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shm/keys.h"
#include "shm/segment.h"

enum {
	SHM_WORKERS = 256,
	SHM_SECRET = 32,
};

enum shm_worker_state { SHM_FREE, SHM_STARTING, SHM_READY, SHM_DRAINING };

/* Written by the master (pid, generation, state) and by the one worker (the rest). */
struct shm_worker {
	_Atomic int32_t pid;
	_Atomic uint32_t generation;
	_Atomic uint32_t state;			/* enum shm_worker_state */
	_Atomic uint32_t connections;		/* client connections now */
	_Atomic uint32_t exchanges;		/* requests in flight now */
	_Atomic uint32_t tunnels;		/* of these, upgraded connections */
	_Atomic uint64_t accepted;		/* of this life of the slot */
	_Atomic uint64_t requests;
	char pad[24];				/* a cache line each: one writer, no sharing */
};

_Static_assert(sizeof(struct shm_worker) == 64, "one cache line per worker");

/* What a process uses of the machine, as the master last saw it. */
struct shm_usage {
	_Atomic uint64_t started_wall_ms;
	_Atomic uint64_t seen_ms;		/* when the rest was read; 0: not yet */
	_Atomic uint64_t cpu_us;		/* in all, of user and system */
	_Atomic uint64_t resident_bytes;	/* SHM_UNKNOWN: it could not be read */
	_Atomic uint64_t descriptors;		/* likewise */
};

#define SHM_UNKNOWN	UINT64_MAX

struct shm_core_data {
	struct segment_header header;
	_Atomic int32_t master_pid;
	_Atomic uint32_t generation;		/* the newest that is serving */
	_Atomic uint64_t started_wall_ms;
	_Atomic uint64_t loaded_wall_ms;	/* when the newest generation began */
	_Atomic uint64_t reloads;
	_Atomic uint64_t reload_failures;
	_Atomic uint64_t worker_deaths;
	uint8_t secret[SHM_SECRET];		/* random, for the life of the master */
	struct shm_key_ring ticket_keys;	/* one writer: the master */
	_Alignas(64) struct shm_worker workers[SHM_WORKERS];
	_Alignas(64) struct shm_usage master_usage;	/* one writer of both: the master */
	struct shm_usage worker_usage[SHM_WORKERS];
};

struct shm_core {
	struct segment segment;
	struct shm_core_data *data;
	int wake_fds[SHM_WORKERS];		/* an eventfd per slot, inherited by every worker */
};

/* Made by the master before the first fork.  0, or -1 with errno. */
int shm_core_new(struct shm_core *core);
void shm_core_close(struct shm_core *core);

/*
 * Gives a free slot to a worker of `generation` (state SHM_STARTING); -1 when none is free.
 * shm_core_release() empties it after the worker's death.  Master only.
 */
int shm_core_claim(struct shm_core *core, uint32_t generation);
void shm_core_release(struct shm_core *core, int slot);

/* Makes the worker in `slot` leave its epoll_wait; any process may call it. */
void shm_core_wake(struct shm_core *core, int slot);

/* The same for all workers that serve, or finish what they do. */
void shm_core_wake_all(struct shm_core *core);

#endif
