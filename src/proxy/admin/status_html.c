/*
 * status_html.c - the status as a page for people.
 */
#include "proxy/admin/status_html.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "proxy/runtime.h"
#include "proxy/text/escape.h"

#ifndef USHERD_VERSION
#define USHERD_VERSION "unknown"
#endif

enum { SHOWN_MAX = 1000 };		/* routes on the page; all are in /status.json */

static const char page_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta http-equiv=\"refresh\" content=\"5\">"
    "<meta name=\"viewport\" content=\"width=device-width\"><title>usherd status</title>\n"
    "<style>\n"
    ":root{color-scheme:light dark}\n"
    "body{font:14px/1.5 system-ui,sans-serif;margin:1.5em auto;max-width:96em;padding:0 1em}\n"
    "h1{font-size:1.4em;margin:0}h2{font-size:1.1em;margin:1.6em 0 .4em}\n"
    "p{margin:.2em 0}.wide{overflow-x:auto}\n"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.2em .7em;text-align:right;border-bottom:1px solid #8884;white-space:nowrap}\n"
    "th{font-weight:600;border-bottom-width:2px}\n"
    "th:first-child,td:first-child,.l{text-align:left}\n"
    ".up{color:#187a2f}.down{color:#c2281d;font-weight:600}.dim{opacity:.6}\n"
    "@media(prefers-color-scheme:dark){.up{color:#5fd07a}.down{color:#ff7b6e}}\n"
    "</style></head><body>\n";

/* ---- cells of tables */

static void
cell_text(struct buf *out, struct str text)
{
	buf_cstr(out, "<td class=\"l\">");
	escape_html(out, text);
	buf_cstr(out, "</td>");
}

static void
cell_uint(struct buf *out, uint64_t v)
{
	buf_printf(out, v == 0 ? "<td class=\"dim\">%" PRIu64 "</td>" : "<td>%" PRIu64 "</td>", v);
}

static void
cell_bytes(struct buf *out, uint64_t v)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double x = (double)v;
	unsigned unit = 0;

	for (; x >= 1024 && unit + 1 < ARRAY_LEN(units); unit++)
		x /= 1024;
	buf_printf(out, "<td>%.*f&nbsp;%s</td>", unit > 0 && x < 100 ? 1 : 0, x, units[unit]);
}

static void
cell_ms(struct buf *out, uint64_t us)
{
	double ms = (double)us / 1000;

	buf_printf(out, "<td>%.*f&nbsp;ms</td>", ms < 10 ? 1 : 0, ms);
}

static void
cells_of_counters(struct buf *out, const struct metrics_cell *c)
{
	cell_uint(out, c->requests);
	for (int i = 2; i <= 5; i++)
		cell_uint(out, c->status[i]);
	cell_uint(out, c->status[0]);
	cell_bytes(out, c->bytes_in);
	cell_bytes(out, c->bytes_out);
}

#define COUNTER_HEADS \
	"<th>requests</th><th>2xx</th><th>3xx</th><th>4xx</th><th>5xx</th><th>none</th>" \
	"<th>in</th><th>out</th>"

static void
cells_of_times(struct buf *out, const struct metrics_histogram *h)
{
	uint64_t n = status_count(h);

	cell_ms(out, n > 0 ? h->sum_us / n : 0);
	cell_ms(out, status_quantile(h, 99));
}

#define TIME_HEADS "<th>mean</th><th>99&nbsp;%&nbsp;within</th>"

static void
table(struct buf *out, const char *title, const char *heads)
{
	buf_printf(out, "<h2>%s</h2>\n<div class=\"wide\"><table>\n<tr>", title);
	buf_cstr(out, heads);
	buf_cstr(out, "</tr>\n");
}

static void
table_end(struct buf *out)
{
	buf_cstr(out, "</table></div>\n");
}

/* ---- the parts */

static void
add_duration(struct buf *out, uint64_t since_ms)
{
	uint64_t now = (uint64_t)clock_wall_ms();
	uint64_t s = since_ms != 0 && now > since_ms ? (now - since_ms) / 1000 : 0;

	if (s >= 86400)
		buf_printf(out, "%" PRIu64 " d ", s / 86400);
	buf_printf(out, "%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, s / 3600 % 24, s / 60 % 60,
	    s % 60);
}

static void
add_summary(const struct status *s, struct buf *out)
{
	const struct shm_core_data *core = s->runtime->shm->core.data;

	buf_cstr(out, "<h1>usherd " USHERD_VERSION "</h1>\n<p>up ");
	add_duration(out, core->started_wall_ms);
	buf_printf(out, ", generation %" PRIu32 " for ", core->generation);
	add_duration(out, core->loaded_wall_ms);
	buf_printf(out, "; %" PRIu64 " reloads, %" PRIu64 " failed; %" PRIu64
	    " worker deaths</p>\n", core->reloads, core->reload_failures, core->worker_deaths);
	buf_printf(out, "<p>%" PRIu32 " connections, %" PRIu32 " requests in flight, %" PRIu32
	    " tunnels</p>\n", s->total.connections, s->total.exchanges, s->total.tunnels);
}

static void
cell_state(const struct status_server *server, struct buf *out)
{
	const struct standing *s = &server->standing;

	buf_printf(out, "<td class=\"l %s\" title=\"by %s\">%s%s%s%s</td>",
	    s->up ? "up" : "down", s->by, s->state, *s->reason != '\0' ? ": " : "", s->reason,
	    server->backup ? ", backup" : "");
}

/* What the last check found, how long it took, and how long ago that was. */
static void
cell_look(const struct status_look *look, struct buf *out)
{
	uint64_t now = (uint64_t)clock_wall_ms();

	if (look->at_wall_ms == 0) {
		buf_cstr(out, "<td class=\"l dim\">none</td>");
		return;
	}
	buf_printf(out, "<td class=\"l\">%s", look->finding);
	if (look->status != 0)
		buf_printf(out, " %" PRIu32, look->status);
	buf_printf(out, ", %.1f&nbsp;ms, %" PRIu64 "&nbsp;s ago</td>",
	    (double)look->latency_us / 1000,
	    now > look->at_wall_ms ? (now - look->at_wall_ms) / 1000 : 0);
}

static void
add_server(const struct status_walk *w, struct buf *out)
{
	const struct status_server *server = &w->server;

	buf_cstr(out, "<tr>");
	cell_text(out, server->backend->name);
	cell_text(out, server->name);
	cell_state(server, out);
	cell_look(&server->look, out);
	cell_uint(out, server->weight);
	cell_uint(out, server->in_flight);
	cell_uint(out, shm_server_connections(server->slot));
	cell_uint(out, server->cell.retries);
	cell_uint(out, server->cell.ejections);
	cells_of_counters(out, &server->cell);
	cells_of_times(out, &server->cell.time);
	buf_cstr(out, "</tr>\n");
}

static void
add_backend(const struct status_walk *w, struct buf *out)
{
	const struct metrics_cell *c = &w->row.cell;

	buf_cstr(out, "<tr>");
	cell_text(out, w->row.name);
	cell_uint(out, c->retries);
	cell_uint(out, w->row.queue);
	cells_of_counters(out, c);
	cells_of_times(out, &c->time);
	buf_cstr(out, "</tr>\n");
}

static void
add_route(const struct status_walk *w, struct buf *out)
{
	buf_cstr(out, "<tr>");
	cell_text(out, w->row.name);
	cells_of_counters(out, &w->row.cell);
	buf_cstr(out, "</tr>\n");
}

static void
add_listen(const struct status_walk *w, struct buf *out)
{
	const struct metrics_cell *c = &w->row.cell;

	buf_cstr(out, "<tr>");
	cell_text(out, w->row.name);
	cell_uint(out, c->connections);
	cells_of_counters(out, c);
	cells_of_times(out, &c->time);
	buf_cstr(out, "</tr>\n");
}

static void
add_worker(const struct status_walk *w, struct buf *out)
{
	const struct status_worker *worker = w->worker;

	buf_printf(out, "<tr><td>%d</td><td>%d</td>", worker->slot, worker->pid);
	cell_uint(out, worker->generation);
	cell_text(out, str_of(worker->state));
	cell_uint(out, worker->connections);
	cell_uint(out, worker->exchanges);
	cell_uint(out, worker->tunnels);
	cell_uint(out, worker->accepted);
	cell_uint(out, worker->requests);
	buf_cstr(out, "</tr>\n");
}

/* ---- the page: a table for each kind of object */

static const struct section {
	const char *title;
	const char *heads;
	enum status_kind kind;
	void (*add)(const struct status_walk *w, struct buf *out);
} sections[] = {
	{ "Servers",
	  "<th>backend</th><th class=\"l\">server</th><th class=\"l\">state</th>"
	  "<th class=\"l\">last check</th><th>weight</th><th>in flight</th>"
	  "<th>connections</th><th>retries</th><th>ejections</th>" COUNTER_HEADS TIME_HEADS,
	  STATUS_SERVER, add_server },
	{ "Backends", "<th>backend</th><th>retries</th><th>waiting</th>" COUNTER_HEADS TIME_HEADS,
	  STATUS_BACKEND, add_backend },
	{ "Routes", "<th>route</th>" COUNTER_HEADS, STATUS_ROUTE, add_route },
	{ "Listens", "<th>listen</th><th>connections</th>" COUNTER_HEADS TIME_HEADS,
	  STATUS_LISTEN, add_listen },
	{ "Workers",
	  "<th>worker</th><th>pid</th><th>generation</th><th class=\"l\">state</th>"
	  "<th>connections</th><th>in flight</th><th>tunnels</th><th>accepted</th>"
	  "<th>requests</th>",
	  STATUS_WORKER, add_worker },
};

static void
start_section(struct status_page *p, struct buf *out)
{
	const struct section *section = &sections[p->section++];

	table(out, section->title, section->heads);
	status_walk_start(&p->walk, &p->status, section->kind);
	if (section->kind == STATUS_ROUTE && p->walk.end > SHOWN_MAX)
		p->walk.end = SHOWN_MAX;
}

static void
end_section(struct status_page *p, struct buf *out)
{
	unsigned nroutes = p->status.runtime->conf->nroutes;

	table_end(out);
	if (p->walk.kind == STATUS_ROUTE && p->walk.end < nroutes)
		buf_printf(out, "<p>and %u more</p>\n", nroutes - p->walk.end);
}

static bool
next_section(struct status_page *p, struct buf *out)
{
	if (p->section == 0) {
		buf_cstr(out, page_head);
		add_summary(&p->status, out);
	} else {
		end_section(p, out);
	}
	if (p->section < ARRAY_LEN(sections)) {
		start_section(p, out);
		return true;
	}
	buf_cstr(out, "<p class=\"dim\">also: <a href=\"/status.json\">/status.json</a> "
	    "<a href=\"/metrics\">/metrics</a> <a href=\"/healthz\">/healthz</a> "
	    "<a href=\"/readyz\">/readyz</a></p>\n</body></html>\n");
	return false;
}

static bool
step(struct status_page *p, struct buf *out)
{
	if (p->section == 0)
		return next_section(p, out);
	switch (status_walk_next(&p->walk)) {
	case STATUS_OBJECT:
		sections[p->section - 1].add(&p->walk, out);
		return true;
	case STATUS_NOTHING:
		return true;
	default:
		return next_section(p, out);
	}
}

const struct status_format status_html = {
	.type = STR("text/html; charset=utf-8"),
	.step = step,
};
