/*
 * metrics.c - counters and histograms shared by all workers of all generations.
 */
#include "shm/metrics.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

enum { ROWS_STEP = 512, LINES_STEP = 1024 };	/* what one growth adds */

/* Both start on a cache line of their own. */
struct rows_data {
	_Alignas(64) struct segment_header header;
	_Atomic uint32_t nrows;
	_Alignas(64) struct metrics_row rows[];
};

struct line {
	_Alignas(METRICS_LINE) char bytes[METRICS_LINE];
};

struct cells_data {
	_Alignas(64) struct segment_header header;
	struct line lines[];
};

const uint64_t metrics_bounds_us[METRICS_BUCKETS] = {
	500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000,
	5000000, 10000000, 60000000, UINT64_MAX,
};

const char *const metrics_failure_names[FAIL_KINDS] = {
	[FAIL_CONNECT] = "connect",
	[FAIL_CONNECT_TIMEOUT] = "connect-timeout",
	[FAIL_RESET] = "reset",
	[FAIL_TIMEOUT] = "timeout",
	[FAIL_BAD_RESPONSE] = "bad-response",
	[FAIL_TLS] = "tls-handshake",
	[FAIL_TLS_VERIFY] = "tls-verify",
};

enum {
	ROUTE_LINES = offsetof(struct metrics_cell, requests) / METRICS_LINE,
	SERVER_LINES = (offsetof(struct metrics_cell, codes) + METRICS_LINE - 1) / METRICS_LINE,
	CELL_LINES = (sizeof(struct metrics_cell) + METRICS_LINE - 1) / METRICS_LINE,
	ROUTE_WORDS = offsetof(struct metrics_cell, requests) / sizeof(uint64_t),
	SERVER_WORDS = offsetof(struct metrics_cell, codes) / sizeof(uint64_t),
	CELL_WORDS = sizeof(struct metrics_cell) / sizeof(uint64_t),
};

/* The codes with a counter, the frequent ranges first. */
static const struct {
	int first, last;
} code_ranges[] = {
	{ 200, 208 }, { 300, 308 }, { 400, 431 }, { 500, 511 }, { 101, 101 }, { 226, 226 },
	{ 451, 451 }, { 499, 499 },
};

/* Which of the words of a cell a counter is. */
#define WORD(member)	(offsetof(struct metrics_cell, member) / sizeof(uint64_t))

_Static_assert(offsetof(struct metrics_cell, requests) == METRICS_LINE, "one line a request");

static uint64_t
layout(const char *name)
{
	const size_t numbers[] = {
		sizeof(struct metrics_row), offsetof(struct metrics_row, name),
		sizeof(struct metrics_cell), offsetof(struct metrics_cell, requests),
		offsetof(struct metrics_cell, bytes_in), offsetof(struct metrics_cell, failures),
		offsetof(struct metrics_cell, time), offsetof(struct metrics_cell, codes),
		METRICS_STRIPES, FAIL_KINDS,
	};

	return segment_layout(name, numbers, ARRAY_LEN(numbers));
}

static size_t
rows_size(size_t n)
{
	return sizeof(struct rows_data) + n * sizeof(struct metrics_row);
}

static size_t
cells_size(size_t lines)
{
	return sizeof(struct cells_data) + lines * sizeof(struct line);
}

static int
make_segments(struct metrics *m)
{
	char name[32];

	if (segment_new(&m->rows_segment, "usherd-rows", layout("rows"), rows_size(ROWS_STEP),
	    rows_size(METRICS_ROWS)) == -1)
		return -1;
	for (int i = 0; i < METRICS_STRIPES; i++) {
		snprintf(name, sizeof(name), "usherd-cells-%d", i);
		if (segment_new(&m->cells_segment[i], name, layout("cells"), cells_size(LINES_STEP),
		    cells_size((size_t)METRICS_ROWS * CELL_LINES)) == -1)
			return -1;
	}
	return 0;
}

int
metrics_new(struct metrics *m)
{
	struct rows_data *data;

	*m = (struct metrics){ .rows_segment.fd = -1 };
	for (int i = 0; i < METRICS_STRIPES; i++)
		m->cells_segment[i].fd = -1;
	if (make_segments(m) == -1) {
		int saved = errno;

		metrics_close(m);
		errno = saved;
		return -1;
	}
	data = (struct rows_data *)m->rows_segment.base;
	m->rows = data->rows;
	m->nrows = &data->nrows;
	atomic_store(m->nrows, 1);	/* row 0: what found no row of its own */
	m->nlines = CELL_LINES;
	m->free_row = 1;
	return 0;
}

void
metrics_close(struct metrics *m)
{
	for (int i = 0; i < METRICS_KINDS; i++)
		map_fini(&m->index[i]);
	for (int i = 0; i < METRICS_STRIPES; i++)
		segment_close(&m->cells_segment[i]);
	segment_close(&m->rows_segment);
	m->rows = NULL;
	m->nrows = NULL;
}

static uint32_t
lines_of(uint32_t kind)
{
	switch (kind) {
	case METRICS_ROUTE:
		return ROUTE_LINES;
	case METRICS_SERVER:
		return SERVER_LINES;
	default:
		return CELL_LINES;
	}
}

static size_t
words_of(uint32_t kind)
{
	switch (kind) {
	case METRICS_ROUTE:
		return ROUTE_WORDS;
	case METRICS_SERVER:
		return SERVER_WORDS;
	default:
		return CELL_WORDS;
	}
}

/* Room for row `n` in all segments. */
static int
make_room(struct metrics *m, uint32_t n, enum metrics_kind kind)
{
	size_t rows = ((size_t)n / ROWS_STEP + 1) * ROWS_STEP;
	size_t lines = (((size_t)m->nlines + lines_of(kind)) / LINES_STEP + 1) * LINES_STEP;

	if (rows > METRICS_ROWS) {
		errno = ENOSPC;
		return -1;
	}
	if (lines > (size_t)METRICS_ROWS * CELL_LINES)
		lines = (size_t)METRICS_ROWS * CELL_LINES;
	for (int i = 0; i < METRICS_STRIPES; i++) {
		if (segment_grow(&m->cells_segment[i], cells_size(lines)) == -1)
			return -1;
	}
	return segment_grow(&m->rows_segment, rows_size(rows));
}

/* A free row and its cells, made if there is none; 0 without memory. */
static uint32_t
free_row(struct metrics *m, enum metrics_kind kind)
{
	uint32_t n = atomic_load(m->nrows);

	/* Only rows of servers are ever freed. */
	if (kind == METRICS_SERVER) {
		while (m->free_row < n && m->rows[m->free_row].kind != 0)
			m->free_row++;
		if (m->free_row < n)
			return m->free_row;
	}
	if (make_room(m, n, kind) == -1)
		return 0;
	m->rows[n].cell = m->nlines;
	m->nlines += lines_of(kind);
	return n;
}

uint32_t
metrics_row(struct metrics *m, enum metrics_kind kind, struct str name)
{
	struct metrics_row *row;
	uint32_t n;

	CHECK(kind >= METRICS_LISTEN && kind <= METRICS_SERVER);
	if (name.n >= METRICS_NAME)
		name.n = METRICS_NAME - 1;
	row = map_get(&m->index[kind], name);
	if (row != NULL)
		return (uint32_t)(row - m->rows);
	n = free_row(m, kind);
	if (n == 0)
		return 0;
	row = &m->rows[n];
	row->kind = kind;
	memcpy(row->name, name.p, name.n);
	row->name[name.n] = '\0';
	map_add(&m->index[kind], str_make(row->name, name.n), row);
	if (n == atomic_load(m->nrows))
		atomic_store_explicit(m->nrows, n + 1, memory_order_release);
	return n;
}

/* The row of a server. */
static void
forget(struct metrics *m, uint32_t n)
{
	m->rows[n].kind = 0;
	m->rows[n].name[0] = '\0';
	for (int i = 0; i < METRICS_STRIPES; i++) {
		_Atomic uint64_t *counters = (_Atomic uint64_t *)metrics_cell(m, n, i);

		for (size_t w = 0; w < SERVER_WORDS; w++)
			atomic_store_explicit(&counters[w], 0, memory_order_relaxed);
	}
}

void
metrics_keep_servers(struct metrics *m, const bool *used)
{
	uint32_t n = atomic_load(m->nrows);
	struct map *index = &m->index[METRICS_SERVER];

	map_fini(index);
	map_init(index);
	m->free_row = 1;
	for (uint32_t i = 1; i < n; i++) {
		struct metrics_row *row = &m->rows[i];

		if (row->kind != METRICS_SERVER)
			continue;
		if (used[i])
			(void)map_add(index, str_of(row->name), row);
		else
			forget(m, i);
	}
}

uint32_t
metrics_find(const struct metrics *m, enum metrics_kind kind, struct str name)
{
	const struct metrics_row *row;

	if (name.n >= METRICS_NAME)
		name.n = METRICS_NAME - 1;
	row = map_get(&m->index[kind], name);
	return row != NULL ? (uint32_t)(row - m->rows) : 0;
}

uint32_t
metrics_place(const struct metrics *m, uint32_t row)
{
	return m->rows[row].cell;
}

struct metrics_cell *
metrics_cell_at(const struct metrics *m, uint32_t place, int slot)
{
	const struct segment *s = &m->cells_segment[(unsigned)slot % METRICS_STRIPES];

	return (struct metrics_cell *)&((struct cells_data *)s->base)->lines[place];
}

struct metrics_cell *
metrics_cell(const struct metrics *m, uint32_t row, int slot)
{
	return metrics_cell_at(m, metrics_place(m, row), slot);
}

/* Sums the words of a cell from `first` to before `end` over all stripes. */
static void
sum_words(const struct metrics *m, uint32_t row, size_t first, size_t end,
    struct metrics_cell *out)
{
	_Atomic uint64_t *to = (_Atomic uint64_t *)out;
	size_t words = words_of(m->rows[row].kind);
	uint64_t sums[CELL_WORDS] = { 0 };

	/* Many ask for nothing, and each stripe is a miss of the cache. */
	for (int i = 0; i < METRICS_STRIPES && first < end; i++) {
		_Atomic uint64_t *from = (_Atomic uint64_t *)metrics_cell(m, row, i);

		for (size_t w = first; w < end && w < words; w++)
			sums[w] += atomic_load_explicit(&from[w], memory_order_relaxed);
	}
	for (size_t w = first; w < end; w++)
		atomic_store_explicit(&to[w], sums[w], memory_order_relaxed);
}

void
metrics_sum_part(const struct metrics *m, uint32_t row, size_t offset, size_t size,
    struct metrics_cell *out)
{
	size_t first = offset / sizeof(uint64_t), end = (offset + size) / sizeof(uint64_t);
	struct metrics_cell own;
	const struct metrics_cell *with = out;
	uint64_t n = 0;

	sum_words(m, row, first, end, out);
	if (first > WORD(requests) || WORD(requests) >= end)
		return;
	if (first > WORD(status)) {
		sum_words(m, row, WORD(status), WORD(status) + ARRAY_LEN(own.status), &own);
		with = &own;
	}
	for (size_t i = 0; i < ARRAY_LEN(with->status); i++)
		n += with->status[i];
	out->requests = n;
}

void
metrics_sum(const struct metrics *m, uint32_t row, struct metrics_cell *out)
{
	metrics_sum_part(m, row, 0, sizeof(*out), out);
}

void
metrics_observe(struct metrics_histogram *h, uint64_t us)
{
	int i = 0;

	while (us > metrics_bounds_us[i])
		i++;
	metrics_add(&h->sum_us, us);
	metrics_add(&h->bucket[i], 1);
}

int
metrics_code(unsigned i)
{
	for (size_t r = 0; r < ARRAY_LEN(code_ranges); r++) {
		unsigned n = (unsigned)(code_ranges[r].last - code_ranges[r].first) + 1;

		if (i < n)
			return code_ranges[r].first + (int)i;
		i -= n;
	}
	return 0;
}

void
metrics_count_code(struct metrics_cell *cell, int status)
{
	int at = 0;

	if (status == 0)
		return;
	for (size_t r = 0; r < ARRAY_LEN(code_ranges); r++) {
		if (status >= code_ranges[r].first && status <= code_ranges[r].last) {
			metrics_add(&cell->codes[at + status - code_ranges[r].first], 1);
			return;
		}
		at += code_ranges[r].last - code_ranges[r].first + 1;
	}
	metrics_add(&cell->codes[METRICS_CODES - 1], 1);
}
