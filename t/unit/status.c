/* status.c and what is made of it: metrics, JSON, HTML. */

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "proxy/admin/metrics_text.h"
#include "proxy/admin/status_html.h"
#include "proxy/admin/status_json.h"
#include "proxy/runtime.h"

enum { GENERATION = 7 };

static struct proxy_shm shm;
static struct conf_listen web = { .name = STR("web") };
static struct conf_listen *listens[] = { &web };
static struct conf_route route = { .name = STR("all") };
static struct conf_route *routes[] = { &route };
static struct conf_server server = { .text = STR("db\"\\<&1:80") };
static struct conf_backend backend = { .name = STR("app"), .servers = &server, .nservers = 1 };
static struct conf_backend *backends[] = { &backend };
static struct conf_snapshot conf = {
	.listens = listens, .nlistens = 1, .routes = routes, .nroutes = 1,
	.backends = backends, .nbackends = 1,
};
static const struct shm_members *members[1];
static struct runtime runtime = { .conf = &conf, .shm = &shm, .members = members };
static struct buf out;

static void
add_member(void)
{
	int slot = shm_server_slot(&shm.servers, STR_OF("app http db 80"));
	int list = shm_members_index(&shm.servers, backend.name, GENERATION);
	struct shm_member list_of[3] = {
		{ .slot = (uint32_t)slot, .weight = 3, .max_conns = 9 },
		{ .slot = (uint32_t)slot, .weight = 3, .max_conns = 9 },
		{ .slot = (uint32_t)slot, .weight = 3, .max_conns = 9 },
	};

	ck_assert_int_ge(slot, 0);
	ck_assert_int_ge(list, 0);
	ck_assert(addr_parse(&shm.servers.slots[slot].addr, STR_OF("10.0.0.1:80"), 0));
	shm.servers.slots[slot].metric = metrics_row(&shm.metrics, METRICS_SERVER, STR_OF("db"));
	shm.servers.slots[slot].health = HEALTH_UP;
	shm.servers.slots[slot].look = (struct shm_look){ .finding = FOUND_OK, .status = 204,
		.latency_us = 1500, .in_row = 12, .at_wall_ms = 1700000000123, .good = 12 };
	/* One that stands there twice, and one whose slot belongs to another by now. */
	list_of[0].serial = list_of[1].serial = shm.servers.slots[slot].serial;
	list_of[2].serial = shm.servers.slots[slot].serial + 1;
	members[0] = &shm.servers.members[list];
	shm_members_set(&shm.servers.members[list], list_of, 3);
	shm_server_take(&shm.servers.slots[slot], 1, 9);
}

static void
setup(void)
{
	struct metrics_cell *cell;
	int slot;

	ck_assert_int_eq(shm_core_new(&shm.core), 0);
	ck_assert_int_eq(shm_servers_new(&shm.servers), 0);
	ck_assert_int_eq(metrics_new(&shm.metrics), 0);
	slot = shm_core_claim(&shm.core, GENERATION);
	shm.core.data->workers[slot].pid = 4711;
	shm.core.data->workers[slot].state = SHM_READY;
	shm.core.data->workers[slot].connections = 5;
	shm.core.data->generation = GENERATION;
	cell = metrics_cell(&shm.metrics, metrics_row(&shm.metrics, METRICS_LISTEN, web.name), 0);
	metrics_add(&cell->status[2], 4);
	metrics_observe(&cell->time, 400);
	metrics_observe(&cell->time, 900);
	metrics_observe(&cell->time, 900);
	metrics_observe(&cell->time, 99000000);
	metrics_row(&shm.metrics, METRICS_ROUTE, route.name);
	metrics_row(&shm.metrics, METRICS_BACKEND, backend.name);
	add_member();
	buf_init(&out);
}

static void
teardown(void)
{
	buf_fini(&out);
	metrics_close(&shm.metrics);
	shm_servers_close(&shm.servers);
	shm_core_close(&shm.core);
}

static const char *
render(const struct status_format *format)
{
	struct status_page *p = status_page_new(&runtime, format);

	while (status_page_piece(p, &out))
		;
	status_page_free(p);
	return buf_text(&out);
}

/* The same, but for the time in it, in pieces as small as they can be. */
static void
check_pieces(const struct status_format *format)
{
	struct status_page *p = status_page_new(&runtime, format);
	struct buf all, piece;
	bool more = true;

	buf_init(&all);
	buf_init(&piece);
	while (more) {
		more = format->step(p, &piece);
		buf_str(&all, buf_view(&piece));
		buf_fini(&piece);
	}
	status_page_free(p);
	render(format);
	ck_assert_uint_eq(all.n, out.n);
	if (format != &status_json)
		ck_assert_mem_eq(all.p, out.p, all.n);
	buf_fini(&all);
}

static void
check_has(const char *text, const char *line)
{
	ck_assert_msg(strstr(text, line) != NULL, "missing: %s in\n%s", line, text);
}

START_TEST(metrics)
{
	const char *text = render(&metrics_text);

	check_has(text, "# HELP usherd_generation Number of the newest generation of workers.\n"
	    "# TYPE usherd_generation gauge\nusherd_generation 7\n");
	check_has(text, "usherd_workers{state=\"starting\"} 0\n"
	    "usherd_workers{state=\"ready\"} 1\n");
	check_has(text, "\nusherd_connections 5\n");
	check_has(text, "usherd_worker_connections{worker=\"0\"} 5\n");
	check_has(text, "# TYPE usherd_listen_requests_total counter\n"
	    "usherd_listen_requests_total{listen=\"web\"} 4\n");
	check_has(text, "usherd_listen_responses_total{listen=\"web\",status=\"2xx\"} 4\n");
	check_has(text, "# TYPE usherd_listen_request_seconds histogram\n"
	    "usherd_listen_request_seconds_bucket{listen=\"web\",le=\"0.0005\"} 1\n"
	    "usherd_listen_request_seconds_bucket{listen=\"web\",le=\"0.001\"} 3\n");
	check_has(text, "usherd_listen_request_seconds_bucket{listen=\"web\",le=\"60\"} 3\n"
	    "usherd_listen_request_seconds_bucket{listen=\"web\",le=\"+Inf\"} 4\n"
	    "usherd_listen_request_seconds_sum{listen=\"web\"} 99.002200\n"
	    "usherd_listen_request_seconds_count{listen=\"web\"} 4\n");
	check_has(text, "usherd_server_requests_in_flight{backend=\"app\","
	    "server=\"db\\\"\\\\<&1:80\",address=\"10.0.0.1:80\"} 1\n");
	check_has(text, "address=\"10.0.0.1:80\",state=\"up\",by=\"check\",reason=\"\"} 1\n");
	check_has(text, "usherd_server_last_check{backend=\"app\",server=\"db\\\"\\\\<&1:80\","
	    "address=\"10.0.0.1:80\",finding=\"ok\"} 12\n");
	check_has(text, "address=\"10.0.0.1:80\"} 1700000000.123\n");
	check_has(text, "usherd_server_failures_total{backend=\"app\","
	    "server=\"db\\\"\\\\<&1:80\",address=\"10.0.0.1:80\",why=\"connect-timeout\"} 0\n");
}
END_TEST

/* What the master does not know, or looked at long ago, because it has died, is left out. */
START_TEST(processes)
{
	struct shm_usage *master = &shm.core.data->master_usage;
	struct shm_usage *worker = &shm.core.data->worker_usage[0];
	const char *text;

	clock_update();
	*master = (struct shm_usage){ 1700000000123, (uint64_t)clock_ms(), 2500000, 4096, 17 };
	*worker = (struct shm_usage){ 1700000001000, (uint64_t)clock_ms(), 100, SHM_UNKNOWN, 9 };
	text = render(&metrics_text);
	check_has(text, "process_start_time_seconds{process=\"master\"} 1700000000.123\n"
	    "process_start_time_seconds{process=\"worker\",worker=\"0\"} 1700000001\n");
	check_has(text, "process_cpu_seconds_total{process=\"master\"} 2.500000\n"
	    "process_cpu_seconds_total{process=\"worker\",worker=\"0\"} 0.000100\n");
	check_has(text, "process_resident_memory_bytes{process=\"master\"} 4096\n# HELP");
	check_has(text, "process_open_fds{process=\"master\"} 17\n"
	    "process_open_fds{process=\"worker\",worker=\"0\"} 9\n");
	master->seen_ms = worker->seen_ms = (uint64_t)clock_ms() - 121000;
	buf_fini(&out);
	text = render(&metrics_text);
	check_has(text, "process_start_time_seconds{process=\"master\"} 1700000000.123\n");
	ck_assert_ptr_null(strstr(text, "\nprocess_cpu_seconds_total"));
	ck_assert_ptr_null(strstr(text, "\nprocess_open_fds"));
}
END_TEST

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names as Prometheus wants them, samples of a metric behind its description and none of them
 * twice; returns their number.  Cuts the text. */
static unsigned
check_no_sample_twice(char *text)
{
	static char *seen[200000];
	char *line, *rest;
	const char *name = "";
	unsigned n = 0;

	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, "# TYPE ", 7) == 0) {
			name = line + 7;
			*strchr(line + 7, ' ') = '\0';
		}
		if (line[0] == '#')
			continue;
		ck_assert_msg(strncmp(line, name, strlen(name)) == 0, "%s after %s", line, name);
		*strrchr(line, ' ') = '\0';
		ck_assert_uint_lt(n, ARRAY_LEN(seen));
		seen[n++] = line;
	}
	qsort(seen, n, sizeof(seen[0]), compare);
	for (unsigned i = 1; i < n; i++)
		ck_assert_str_ne(seen[i - 1], seen[i]);
	return n;
}

START_TEST(metrics_are_well_formed)
{
	render(&metrics_text);
	ck_assert_uint_gt(check_no_sample_twice(out.p), 100);
}
END_TEST

START_TEST(metrics_are_described)
{
	const char *name, *help;
	unsigned n = 0;

	render(&metrics_text);
	for (; metrics_text_describe(n, &name, &help); n++) {
		char text[256];

		if (strncmp(name, "usherd_certificate_", 19) == 0)
			continue;	/* there are none */
		snprintf(text, sizeof(text), "# HELP %s %s\n", name, help);
		check_has(out.p, text);
	}
	ck_assert_uint_gt(n, 40);
}
END_TEST

START_TEST(json)
{
	const char *text = render(&status_json);

	check_has(text, "\"generation\":7,");
	check_has(text, "\"workers\":[{\"slot\":0,\"pid\":4711,\"generation\":7,"
	    "\"state\":\"ready\",\"connections\":5,");
	check_has(text, "\"listens\":[{\"name\":\"web\",\"bind\":[],\"tls\":false,"
	    "\"connections\":0,\"requests\":4,");
	check_has(text, "\"seconds\":{\"count\":4,\"sum\":99.002200,\"p50\":0.001000,");
	check_has(text, "\"servers\":[{\"name\":\"db\\\"\\\\<&1:80\",\"address\":\"10.0.0.1:80\","
	    "\"state\":\"up\",\"state_by\":\"check\",\"reason\":\"\",\"backup\":false,"
	    "\"weight\":3,\"max_conns\":9,\"requests_in_flight\":1,");
	check_has(text, "\"check\":{\"finding\":\"ok\",\"status\":204,\"seconds\":0.001500,"
	    "\"in_row\":12,\"at_ms\":1700000000123,\"changed_ms\":0,\"good\":12,\"bad\":0}");
	ck_assert_str_eq(text + strlen(text) - 4, "[]}\n");
}
END_TEST

START_TEST(html)
{
	const char *text = render(&status_html);

	check_has(text, "<td class=\"l\">db&#34;\\&#60;&#38;1:80</td>"
	    "<td class=\"l up\" title=\"by check\">up</td><td class=\"l\">ok 204, 1.5&nbsp;ms,");
	check_has(text, "</html>\n");
}
END_TEST

static unsigned
count(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

enum { MANY = 900 };

/* Replaces the list of the backend by `n` servers of their own, from `first` on. */
static void
set_many(unsigned first, unsigned n)
{
	static struct shm_member list[MANY];

	for (unsigned i = 0; i < n; i++) {
		char key[32];
		struct shm_server *slot;

		snprintf(key, sizeof(key), "app http many %u", first + i);
		list[i] = (struct shm_member){ .line = UINT32_MAX, .weight = 1 };
		list[i].slot = (uint32_t)shm_server_slot(&shm.servers, str_of(key));
		slot = &shm.servers.slots[list[i].slot];
		list[i].serial = slot->serial;
		snprintf(slot->name, sizeof(slot->name), "many-%u", first + i);
	}
	shm_members_set(&shm.servers.members[members[0] - shm.servers.members], list, n);
}

/* A piece is bounded, and all of them together have each server once. */
START_TEST(many_servers)
{
	const struct status_format *formats[] = { &metrics_text, &status_json, &status_html };

	set_many(0, MANY);
	for (unsigned i = 0; i < ARRAY_LEN(formats); i++) {
		struct status_page *p = status_page_new(&runtime, formats[i]);
		struct buf piece;
		unsigned npieces = 1;

		buf_fini(&out);
		buf_init(&piece);
		while (status_page_piece(p, &piece)) {
			ck_assert_uint_lt(piece.n, 65536 + 8192);
			buf_str(&out, buf_view(&piece));
			buf_fini(&piece);
			npieces++;
		}
		buf_str(&out, buf_view(&piece));
		buf_fini(&piece);
		status_page_free(p);
		ck_assert_uint_gt(npieces, out.n / (65536 + 8192));
		if (formats[i] == &metrics_text) {
			ck_assert_uint_eq(count(buf_text(&out), "\nusherd_server_up{"), MANY);
			ck_assert_uint_eq(count(out.p, "# TYPE usherd_server_up "), 1);
		} else if (formats[i] == &status_json) {
			ck_assert_uint_eq(count(buf_text(&out), "{\"name\":\"many-"), MANY);
			ck_assert_uint_eq(count(out.p, "}{"), 0);
			ck_assert_uint_eq(count(out.p, ",,"), 0);
		}
	}
}
END_TEST

/* The servers change while the page is written. */
START_TEST(servers_that_leave)
{
	struct status_page *p;
	unsigned round = 0;

	set_many(0, MANY);
	p = status_page_new(&runtime, &metrics_text);
	while (status_page_piece(p, &out)) {
		round++;
		set_many(round, MANY - round % 7);
		shm_servers_sweep(&shm.servers);
	}
	status_page_free(p);
	ck_assert_uint_gt(round, 20);
	check_no_sample_twice(buf_text(&out));
}
END_TEST

START_TEST(pieces)
{
	check_pieces(&metrics_text);
	buf_fini(&out);
	check_pieces(&status_json);
	buf_fini(&out);
	check_pieces(&status_html);
}
END_TEST

START_TEST(quantiles)
{
	struct metrics_histogram h = { .sum_us = 0 };

	ck_assert_uint_eq(status_quantile(&h, 99), 0);
	h.bucket[0] = 99;
	h.bucket[3] = 1;
	ck_assert_uint_eq(status_quantile(&h, 50), metrics_bounds_us[0]);
	ck_assert_uint_eq(status_quantile(&h, 99), metrics_bounds_us[0]);
	h.bucket[METRICS_BUCKETS - 1] = 1000;
	ck_assert_uint_eq(status_quantile(&h, 99), metrics_bounds_us[METRICS_BUCKETS - 2]);
	ck_assert_uint_eq(status_count(&h), 1100);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("status");
	TCase *c = tcase_create("status");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, processes);
	tcase_add_test(c, metrics);
	tcase_add_test(c, metrics_are_well_formed);
	tcase_add_test(c, metrics_are_described);
	tcase_add_test(c, json);
	tcase_add_test(c, html);
	tcase_add_test(c, pieces);
	tcase_add_test(c, many_servers);
	tcase_add_test(c, servers_that_leave);
	tcase_add_test(c, quantiles);
	suite_add_tcase(s, c);
	return unit_run(s);
}
