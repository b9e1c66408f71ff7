/* status.c and what is made of it: metrics, JSON, HTML. */

#include "unit.h"

#include <stdio.h>

#include "proxy/admin/metrics_text.h"
#include "proxy/admin/status.h"
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
static struct runtime runtime = { .conf = &conf, .shm = &shm, .generation = GENERATION };
static struct buf out;

static void
add_member(void)
{
	int slot = shm_server_slot(&shm.servers, STR_OF("app http db 80"));
	int list = shm_members_index(&shm.servers, backend.name, GENERATION);
	struct shm_member members[2] = {
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
	shm_members_set(&shm.servers.members[list], members, 2);
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
render(void (*write)(const struct status *s, struct buf *out))
{
	struct status s;

	status_init(&s, &runtime);
	write(&s, &out);
	status_fini(&s);
	return buf_text(&out);
}

static void
check_has(const char *text, const char *line)
{
	ck_assert_msg(strstr(text, line) != NULL, "missing: %s in\n%s", line, text);
}

START_TEST(metrics)
{
	const char *text = render(metrics_text);

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

/* Names as Prometheus wants them, no sample twice, each metric described. */
START_TEST(metrics_are_well_formed)
{
	char *line, *rest, *seen[2000];
	unsigned n = 0;

	render(metrics_text);
	for (line = strtok_r(out.p, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		ck_assert(strncmp(line, "# ", 2) == 0 || strncmp(line, "usherd_", 7) == 0);
		if (line[0] == '#')
			continue;
		*strrchr(line, ' ') = '\0';
		for (unsigned i = 0; i < n; i++)
			ck_assert_str_ne(line, seen[i]);
		seen[n++] = line;
	}
	ck_assert_uint_gt(n, 100);
}
END_TEST

START_TEST(metrics_are_described)
{
	const char *name, *help;
	unsigned n = 0;

	render(metrics_text);
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
	const char *text = render(status_json);

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
	const char *text = render(status_html);

	check_has(text, "<td class=\"l\">db&#34;\\&#60;&#38;1:80</td>"
	    "<td class=\"l up\" title=\"by check\">up</td><td class=\"l\">ok 204, 1.5&nbsp;ms,");
	check_has(text, "</html>\n");
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
	tcase_add_test(c, metrics);
	tcase_add_test(c, metrics_are_well_formed);
	tcase_add_test(c, metrics_are_described);
	tcase_add_test(c, json);
	tcase_add_test(c, html);
	tcase_add_test(c, quantiles);
	suite_add_tcase(s, c);
	return unit_run(s);
}
