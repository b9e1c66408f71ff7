/*
 * status.h - what the status pages show, collected once from the shared segments.
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
	uint32_t connections;
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

struct status_certificate {
	struct str path;
	struct str key_path;
	struct str key_type;		/* "RSA", "ECDSA" ... */
	struct str subject;
	msec expires_wall_ms;
};

struct status {
	const struct runtime *runtime;
	struct status_worker *workers;	/* of all generations */
	unsigned nworkers;
	struct status_worker total;	/* the sums of their numbers */
	struct status_row *listens;	/* by index in the snapshot, as the next two */
	struct status_row *routes;
	struct status_row *backends;
	struct status_server *servers;	/* those of a backend stand together */
	unsigned nservers;
	struct status_certificate *certificates;
	unsigned ncertificates;
};

/* Collects; status_fini() releases. */
void status_init(struct status *s, const struct runtime *rt);
void status_fini(struct status *s);

/* Names of the classes in metrics_cell.status: "none", "1xx" to "5xx". */
extern const char *const status_classes[6];

/* How many durations a histogram has counted. */
uint64_t status_count(const struct metrics_histogram *h);

/* The duration in microseconds that `percent` of all do not exceed, to the width of a bucket. */
uint64_t status_quantile(const struct metrics_histogram *h, unsigned percent);

#endif
