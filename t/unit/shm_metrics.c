/* shm_metrics.c: rows found by name, stripes that add up, buckets. */

#include "unit.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "shm/metrics.h"

static struct metrics m;

static void
setup(void)
{
	ck_assert_int_eq(metrics_new(&m), 0);
}

static void
teardown(void)
{
	metrics_close(&m);
}

START_TEST(test_rows)
{
	uint32_t a = metrics_row(&m, METRICS_ROUTE, STR_OF("a"));
	uint32_t b = metrics_row(&m, METRICS_ROUTE, STR_OF("b"));
	uint32_t other = metrics_row(&m, METRICS_BACKEND, STR_OF("a"));

	ck_assert_uint_ne(a, 0);
	ck_assert_uint_ne(a, b);
	ck_assert_uint_ne(a, other);
	ck_assert_uint_eq(metrics_row(&m, METRICS_ROUTE, STR_OF("a")), a);
	ck_assert_uint_eq(atomic_load(m.nrows), 4);
	ck_assert_str_eq(m.rows[b].name, "b");
	ck_assert_uint_eq(m.rows[other].kind, METRICS_BACKEND);
}
END_TEST

START_TEST(test_many_rows)
{
	char name[32];
	uint32_t row = 0;

	for (int i = 0; i < METRICS_ROWS + 10; i++) {
		row = metrics_row(&m, METRICS_ROUTE,
		    str_make(name, (size_t)snprintf(name, sizeof(name), "route-%d", i)));
		ck_assert_uint_eq(row, i + 1 < METRICS_ROWS ? (uint32_t)i + 1 : 0);
	}
	metrics_add(&metrics_cell(&m, METRICS_ROWS - 1, 15)->status[2], 1);
	ck_assert_uint_eq(atomic_load(&metrics_cell(&m, METRICS_ROWS - 2, 15)->status[2]), 0);
	ck_assert_uint_eq(metrics_row(&m, METRICS_ROUTE, STR_OF("route-70000")), 70001);
}
END_TEST

/* Rows of servers that are gone are used again, with counters that begin at 0. */
START_TEST(test_keep_servers)
{
	uint32_t backend = metrics_row(&m, METRICS_BACKEND, STR_OF("a"));
	uint32_t gone = metrics_row(&m, METRICS_SERVER, STR_OF("a|1"));
	uint32_t stays = metrics_row(&m, METRICS_SERVER, STR_OF("a|2"));
	bool used[16] = { false };
	struct metrics_cell sum;

	used[stays] = true;
	metrics_add(&metrics_cell(&m, gone, 3)->status[2], 7);
	metrics_add(&metrics_cell(&m, stays, 3)->status[2], 8);
	metrics_keep_servers(&m, used);
	ck_assert_uint_eq(metrics_find(&m, METRICS_SERVER, STR_OF("a|1")), 0);
	ck_assert_uint_eq(metrics_find(&m, METRICS_SERVER, STR_OF("a|2")), stays);
	ck_assert_uint_eq(metrics_find(&m, METRICS_BACKEND, STR_OF("a")), backend);
	ck_assert_uint_gt(metrics_row(&m, METRICS_ROUTE, STR_OF("r")), stays);
	ck_assert_uint_eq(metrics_row(&m, METRICS_SERVER, STR_OF("a|3")), gone);
	metrics_sum(&m, gone, &sum);
	ck_assert_uint_eq(sum.requests, 0);
	metrics_sum(&m, stays, &sum);
	ck_assert_uint_eq(sum.requests, 8);
	ck_assert_uint_gt(metrics_row(&m, METRICS_SERVER, STR_OF("a|4")), gone);
}
END_TEST

START_TEST(test_sum)
{
	uint32_t row = metrics_row(&m, METRICS_LISTEN, STR_OF("web"));
	struct metrics_cell sum;

	for (int slot = 0; slot < 2 * METRICS_STRIPES; slot++) {
		metrics_add(&metrics_cell(&m, row, slot)->bytes_in, (uint64_t)slot);
		metrics_count_status(metrics_cell(&m, row, slot), 204);
		metrics_count_status(metrics_cell(&m, row, slot), 599);
	}
	metrics_count_status(metrics_cell(&m, row, 5), 0);
	metrics_count_status(metrics_cell(&m, row, 5), 600);
	metrics_add(&metrics_cell(&m, 0, 0)->status[2], 1000);
	metrics_sum(&m, row, &sum);
	ck_assert_uint_eq(atomic_load(&sum.bytes_in), 31 * 32 / 2);
	ck_assert_uint_eq(atomic_load(&sum.status[0]), 2);
	ck_assert_uint_eq(atomic_load(&sum.status[2]), 2 * METRICS_STRIPES);
	ck_assert_uint_eq(atomic_load(&sum.status[3]), 0);
	ck_assert_uint_eq(atomic_load(&sum.status[5]), 2 * METRICS_STRIPES);
	ck_assert_uint_eq(atomic_load(&sum.requests), 4 * METRICS_STRIPES + 2);

	memset(&sum, 0, sizeof(sum));
	metrics_sum_part(&m, row, offsetof(struct metrics_cell, requests), sizeof(sum.requests),
	    &sum);
	ck_assert_uint_eq(atomic_load(&sum.requests), 4 * METRICS_STRIPES + 2);
	ck_assert_uint_eq(atomic_load(&sum.status[2]), 0);
	metrics_sum_part(&m, row, offsetof(struct metrics_cell, bytes_in), sizeof(sum.bytes_in),
	    &sum);
	ck_assert_uint_eq(atomic_load(&sum.bytes_in), 31 * 32 / 2);
}
END_TEST

/* Each code has its own counter, and those without share the last. */
START_TEST(test_codes)
{
	uint32_t row = metrics_row(&m, METRICS_LISTEN, STR_OF("web"));
	struct metrics_cell *cell = metrics_cell(&m, row, 3), sum;
	bool seen[1000] = { false };

	for (int status = 0; status < 1000; status++)
		metrics_count_code(cell, status);
	metrics_count_code(cell, 404);
	metrics_sum(&m, row, &sum);
	for (unsigned i = 0; i < METRICS_CODES; i++) {
		int code = metrics_code(i);
		uint64_t n = code == 0 ? 999 - (METRICS_CODES - 1) : code == 404 ? 2 : 1;

		ck_assert_int_ge(code, 0);
		ck_assert(!seen[code]);
		seen[code] = true;
		ck_assert_uint_eq(sum.codes[i], n);
		ck_assert(code == 0 ? i == METRICS_CODES - 1 : i < METRICS_CODES - 1);
	}
	ck_assert(seen[200] && seen[101] && seen[404] && seen[429] && seen[451] && seen[499]);
	ck_assert(seen[500] && seen[504] && !seen[520] && !seen[599]);
}
END_TEST

START_TEST(test_buckets)
{
	struct metrics_histogram h = { 0 };

	metrics_observe(&h, 0);
	metrics_observe(&h, metrics_bounds_us[0]);
	metrics_observe(&h, metrics_bounds_us[0] + 1);
	metrics_observe(&h, UINT64_MAX / 2);
	ck_assert_uint_eq(atomic_load(&h.bucket[0]), 2);
	ck_assert_uint_eq(atomic_load(&h.bucket[1]), 1);
	ck_assert_uint_eq(atomic_load(&h.bucket[METRICS_BUCKETS - 1]), 1);
	for (int i = 1; i < METRICS_BUCKETS; i++)
		ck_assert_uint_gt(metrics_bounds_us[i], metrics_bounds_us[i - 1]);
}
END_TEST

/* Cells of routes are shorter: none may reach into the next, and all end where the memory does. */
START_TEST(test_cells_apart)
{
	uint32_t rows[METRICS_ROWS / 64];
	struct metrics_cell sum;
	char name[32];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		static const enum metrics_kind kinds[] = {
			METRICS_SERVER, METRICS_ROUTE, METRICS_BACKEND
		};
		enum metrics_kind kind = kinds[i % 3];
		struct metrics_cell *cell;

		rows[i] = metrics_row(&m, kind,
		    str_make(name, (size_t)snprintf(name, sizeof(name), "%zu", i)));
		cell = metrics_cell(&m, rows[i], 1);
		metrics_add(&cell->status[0], i);
		metrics_add(&cell->bytes_out, i + 1);
		if (kind == METRICS_ROUTE)
			continue;
		metrics_add(&cell->connections, i + 2);
		metrics_observe(&cell->time, UINT64_MAX / 2);
		metrics_add(&cell->mirror_drops, i + 3);
		if (kind == METRICS_BACKEND)
			metrics_add(&cell->codes[METRICS_CODES - 1], i + 4);
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		metrics_sum(&m, rows[i], &sum);
		ck_assert_uint_eq(atomic_load(&sum.requests), i);
		ck_assert_uint_eq(atomic_load(&sum.connections), i % 3 != 1 ? i + 2 : 0);
		ck_assert_uint_eq(atomic_load(&sum.bytes_out), i + 1);
		ck_assert_uint_eq(atomic_load(&sum.time.bucket[METRICS_BUCKETS - 1]), i % 3 != 1);
		ck_assert_uint_eq(atomic_load(&sum.mirror_drops), i % 3 != 1 ? i + 3 : 0);
		ck_assert_uint_eq(atomic_load(&sum.codes[METRICS_CODES - 1]),
		    i % 3 == 2 ? i + 4 : 0);
	}
}
END_TEST

/* Rows of a reload are there for those who were forked before. */
START_TEST(test_child_sees_new_rows)
{
	int fds[2], status;
	uint32_t row = 0;
	char name[32];
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		if (read(fds[0], &row, sizeof(row)) != sizeof(row))
			_exit(1);
		metrics_add(&metrics_cell(&m, row, 3)->status[2], 5);
		_exit(m.rows[row].kind == METRICS_SERVER ? 0 : 1);
	}
	for (int i = 0; i < 2000; i++)
		row = metrics_row(&m, METRICS_SERVER,
		    str_make(name, (size_t)snprintf(name, sizeof(name), "s%d", i)));
	ck_assert_int_eq(write(fds[1], &row, sizeof(row)), sizeof(row));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(atomic_load(&metrics_cell(&m, row, 3)->status[2]), 5);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("metrics");
	TCase *tc = tcase_create("metrics");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_rows);
	tcase_add_test(tc, test_many_rows);
	tcase_add_test(tc, test_keep_servers);
	tcase_add_test(tc, test_sum);
	tcase_add_test(tc, test_cells_apart);
	tcase_add_test(tc, test_buckets);
	tcase_add_test(tc, test_codes);
	tcase_add_test(tc, test_child_sees_new_rows);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
