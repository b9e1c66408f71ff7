/*
 * status.h - what the status pages show, read from the shared segments object by object.
 *
 * There may be tens of thousands of objects, so a page is written in pieces (status_page.h), and
 * each object is read when its turn comes.  Servers come and go meanwhile: a page has each server
 * once that is there all the time, and maybe those that are there for a part of it.
 */
#ifndef USHERD_PROXY_ADMIN_STATUS_H
#define USHERD_PROXY_ADMIN_STATUS_H

#include "conf/snapshot.h"
#include "proxy/servers/standing.h"
#include "shm/metrics.h"

struct runtime;

/* The sum over all workers for a listen, route or backend. */
struct status_row {
	struct str name;
	unsigned index;			/* in the snapshot */
	uint32_t queue;			/* of a backend: requests that wait now */
	struct metrics_cell cell;
};

/* The last check of a server, and how many there were. */
struct status_look {
	const char *finding;		/* of shm_finding_names; "unchecked" if there was none */
	uint32_t status;		/* of the answer; 0: none */
	uint32_t latency_us;
	uint32_t in_row;		/* good or bad ones up to now */
	uint64_t at_wall_ms;		/* 0: never */
	uint64_t changed_wall_ms;	/* when the server came up or went down; 0: never */
	uint64_t good, bad;
};

struct status_server {
	const struct conf_backend *backend;
	struct str name;		/* as it is written in the configuration */
	char address[ADDR_TEXT];	/* empty: not resolved */
	struct standing standing;
	struct status_look look;
	bool backup;
	uint32_t weight;
	uint32_t max_conns;		/* 0: no limit */
	uint32_t in_flight;
	const struct shm_server *slot;
	struct metrics_cell cell;
};

struct status_worker {
	int slot;
	int pid;
	uint32_t generation;
	const char *state;		/* "starting", "ready" or "draining" */
	uint32_t connections;
	uint32_t exchanges;
	uint32_t tunnels;
	uint64_t accepted;
	uint64_t requests;
};

/* What a process uses; SHM_UNKNOWN for what could not be read, or is too old. */
struct status_process {
	const char *kind;		/* "master" or "worker" */
	int slot;			/* of a worker; -1: the master */
	uint64_t started_wall_ms;
	uint64_t cpu_us;
	uint64_t resident_bytes;
	uint64_t descriptors;
};

struct status_certificate {
	struct str path;
	struct str key_path;
	struct str key_type;		/* "RSA", "ECDSA" ... */
	struct str subject;
	msec expires_wall_ms;
};

/* What is about the proxy as a whole; the workers are few, so they are read at once. */
struct status {
	const struct runtime *runtime;
	struct status_worker workers[SHM_WORKERS];	/* of all generations */
	unsigned nworkers;
	struct status_worker total;	/* the sums of their numbers */
};

enum status_kind {
	STATUS_PROXY,			/* one object: what struct status has */
	STATUS_PROCESS,			/* the master, then the workers */
	STATUS_WORKER,
	STATUS_LISTEN,
	STATUS_ROUTE,
	STATUS_BACKEND,
	STATUS_SERVER,			/* those of a backend stand together */
	STATUS_CERTIFICATE,
};

/* A way through all objects of a kind, and the one that it has come to. */
struct status_walk {
	const struct status *status;
	enum status_kind kind;
	unsigned next, end;		/* objects by their index; with STATUS_SERVER backends */
	size_t offset, size;		/* the part of cells that is wanted; by default all */
	struct shm_member *list;	/* servers of backend next - 1; NULL before the first */
	unsigned nlist, at;

	const struct status_worker *worker;	/* what fits the kind is set */
	struct status_process process;
	struct status_row row;
	struct status_server server;
	struct status_certificate certificate;
};

enum status_step {
	STATUS_OBJECT,			/* at an object */
	STATUS_NOTHING,			/* some work was done, but none is there yet */
	STATUS_END,
};

void status_init(struct status *s, const struct runtime *rt);

/* A walk may be started again for another kind; the first time it is all zero. */
void status_walk_start(struct status_walk *w, const struct status *s, enum status_kind kind);
void status_walk_fini(struct status_walk *w);

/* Only the servers of one backend, by its index. */
void status_walk_backend(struct status_walk *w, const struct status *s, unsigned backend);

/* The next step, whose work is bounded. */
enum status_step status_walk_next(struct status_walk *w);

/* Names of the classes in metrics_cell.status: "none", "1xx" to "5xx". */
extern const char *const status_classes[6];

/* How many durations a histogram has counted. */
uint64_t status_count(const struct metrics_histogram *h);

/* The duration in microseconds that `percent` of all do not exceed, to the width of a bucket. */
uint64_t status_quantile(const struct metrics_histogram *h, unsigned percent);

#endif
