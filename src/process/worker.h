/*
 * worker.h - the life of a worker process.
 *
 *	fork ─► descriptors, privileges ─► proxy_start ─► READY ─► loop ─► drained or told
 */
#ifndef USHERD_PROCESS_WORKER_H
#define USHERD_PROCESS_WORKER_H

#include "process/config.h"
#include "process/listeners.h"
#include "process/logs.h"
#include "proxy/proxy.h"

/* Exit status of a worker that could not begin; one that ends in order has 0. */
enum { WORKER_FAILED = 70 };

/* What the master hands to a new worker; all of it is the master's. */
struct worker_start {
	const struct config *config;
	struct proxy_shm *shm;
	const struct listener_set *listeners;
	const struct logs *logs;
	unsigned max_connections;
	int slot;			/* in shm->core */
	unsigned index;			/* 0 to workers - 1 */
	uint32_t generation;
	int channel;			/* this worker's end */
};

/* Runs in the child of a fork, with signals blocked; never returns. */
_Noreturn void worker_run(const struct worker_start *start);

#endif
