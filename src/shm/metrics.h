/*
 * metrics.h - counters and histograms shared by all workers of all generations.
 *
 * A row belongs to a (kind, name) and is found by it, so counters survive reloads and never go
 * backwards; those of a server end with it.  Each row has a cell in each of 16 stripes; a worker
 * adds in the stripe of its slot, so that workers on different cores rarely share a cache line.
 * Readers sum the stripes.  What each request counts is one line, and the cells of routes, which
 * can be many, have no more than that.  Only listens and backends count single status codes.
 */
#ifndef USHERD_SHM_METRICS_H
#define USHERD_SHM_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "base/str.h"
#include "shm/segment.h"

enum {
	METRICS_STRIPES = 16,
	METRICS_ROWS = 131072,
	METRICS_NAME = 168,		/* of a server: 32, a bar and the text of an address */
	METRICS_LINE = 64,		/* cells begin with cache lines */
	METRICS_BUCKETS = 16,		/* the last one is +Inf */
	METRICS_CODES = 67,		/* status codes that have a counter; the last is the rest */
};

enum metrics_kind { METRICS_LISTEN = 1, METRICS_ROUTE, METRICS_BACKEND, METRICS_SERVER };
enum { METRICS_KINDS = METRICS_SERVER + 1 };

/* Upper bounds of the buckets in microseconds; the last is UINT64_MAX. */
extern const uint64_t metrics_bounds_us[METRICS_BUCKETS];

struct metrics_histogram {
	_Atomic uint64_t sum_us;
	_Atomic uint64_t bucket[METRICS_BUCKETS];	/* not cumulative */
};

/* What happened to a server; kinds of failure have the names that `$why` uses. */
enum metrics_failure {
	FAIL_CONNECT,			/* refused, unreachable, reset while connecting */
	FAIL_CONNECT_TIMEOUT,
	FAIL_RESET,			/* closed or reset before or in the response */
	FAIL_TIMEOUT,			/* first byte, read or write timeout */
	FAIL_BAD_RESPONSE,		/* not HTTP, or refused by the response checks */
	FAIL_TLS,			/* no TLS handshake */
	FAIL_TLS_VERIFY,		/* a certificate that proves nothing */
	FAIL_KINDS,
};

extern const char *const metrics_failure_names[FAIL_KINDS];

/* The counters of one row in one stripe; a kind uses those that fit it. */
struct metrics_cell {
	_Atomic uint64_t status[6];		/* requests, by what became of them: [0] no answer
						 * went out, [1] 1xx .. [5] 5xx */
	_Atomic uint64_t bytes_in;		/* from the client or server */
	_Atomic uint64_t bytes_out;
	/* What follows is not in the cell of a route. */
	_Atomic uint64_t requests;		/* in sums alone: all of `status` */
	_Atomic uint64_t connections;		/* accepted (listen), opened (server) */
	_Atomic uint64_t retries;
	_Atomic uint64_t handshakes;		/* of TLS, that were completed (listen) */
	_Atomic uint64_t resumed;		/* of these, those that resumed a session */
	_Atomic uint64_t handshake_failures;
	_Atomic uint64_t ejections;		/* of a server */
	struct metrics_histogram time;		/* of requests; of attempts for backend, server */
	_Atomic uint64_t failures[FAIL_KINDS];
	_Atomic uint64_t queued;		/* requests that waited (backend; likewise below) */
	_Atomic uint64_t queue_timeouts;	/* of these, those that waited in vain */
	_Atomic uint64_t retries_refused;	/* by retry_budget */
	_Atomic uint64_t mirrored;		/* copies of requests that were answered */
	_Atomic uint64_t mirror_drops;		/* those that were not */
	/* What follows is not in the cell of a server either. */
	_Atomic uint64_t codes[METRICS_CODES];	/* see metrics_code() */
};

struct metrics_row {
	uint32_t kind;				/* enum metrics_kind; 0: free */
	uint32_t cell;				/* where its cells begin, in lines */
	char name[METRICS_NAME];
};

struct metrics {
	struct segment rows_segment;
	struct segment cells_segment[METRICS_STRIPES];
	struct metrics_row *rows;
	_Atomic uint32_t *nrows;		/* rows that exist, free ones among them */
	uint32_t nlines;			/* of cells in use; the master's, as is the next */
	uint32_t free_row;			/* none is free below this one */
	struct map index[METRICS_KINDS];	/* name to row; the master's, a worker has a copy */
};

/* 0, or -1 with errno. */
int metrics_new(struct metrics *m);
void metrics_close(struct metrics *m);

/* The row of (kind, name), made if there is none; row 0, a spare one, without memory.  Master. */
uint32_t metrics_row(struct metrics *m, enum metrics_kind kind, struct str name);

/*
 * Frees the rows of servers that are not among `used`, which has a flag for each row: what names
 * resolve to may change for ever.  Their counters are gone.  Master.
 */
void metrics_keep_servers(struct metrics *m, const bool *used);

/* The row of (kind, name) as far as this process knew it when it was forked; 0 if there is none. */
uint32_t metrics_find(const struct metrics *m, enum metrics_kind kind, struct str name);

/* The cell that worker `slot` adds to. */
struct metrics_cell *metrics_cell(const struct metrics *m, uint32_t row, int slot);

/* Where the cells of a row are, for those who want to reach them without a look at the row. */
uint32_t metrics_place(const struct metrics *m, uint32_t row);

/* The cell of worker `slot` at that place. */
struct metrics_cell *metrics_cell_at(const struct metrics *m, uint32_t place, int slot);

/* The `size` bytes of a cell from `offset` on, whole counters, summed over all stripes; the rest of
 * `out` stays as it is. */
void metrics_sum_part(const struct metrics *m, uint32_t row, size_t offset, size_t size,
    struct metrics_cell *out);

/* The sum of all stripes. */
void metrics_sum(const struct metrics *m, uint32_t row, struct metrics_cell *out);

static inline void
metrics_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* Counts a request by the status of its answer; none from 100 to 599: no answer went out. */
static inline void
metrics_count_status(struct metrics_cell *cell, int status)
{
	metrics_add(&cell->status[status >= 100 && status < 600 ? status / 100 : 0], 1);
}

/* The status that counter `i` of `codes` is for; 0: all that have none. */
int metrics_code(unsigned i);

/* Counts a response by its status, in the cell of a listen or backend; 0: there is none. */
void metrics_count_code(struct metrics_cell *cell, int status);

/* Adds one duration to a histogram. */
void metrics_observe(struct metrics_histogram *h, uint64_t us);

#endif
