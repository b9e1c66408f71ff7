/*
 * status_json.c - the status as a JSON object.
 */
#include "proxy/admin/status_json.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "proxy/runtime.h"

#ifndef USHERD_VERSION
#define USHERD_VERSION "unknown"
#endif

/* ---- the syntax: a comma goes before every member but the first of its object or array.  What the
 * piece before ended with is not known here, so the steps see to those between objects. */

static void
comma(struct buf *out)
{
	if (out->n > 0 && out->p[out->n - 1] != '{' && out->p[out->n - 1] != '[')
		buf_char(out, ',');
}

static void
key(struct buf *out, const char *name)
{
	comma(out);
	buf_json(out, str_of(name));
	buf_char(out, ':');
}

static void
add_text(struct buf *out, const char *name, struct str value)
{
	key(out, name);
	buf_json(out, value);
}

static void
add_uint(struct buf *out, const char *name, uint64_t value)
{
	key(out, name);
	buf_uint(out, value);
}

static void
add_bool(struct buf *out, const char *name, bool value)
{
	key(out, name);
	buf_cstr(out, value ? "true" : "false");
}

static void
add_seconds(struct buf *out, const char *name, uint64_t us)
{
	key(out, name);
	buf_printf(out, "%.6f", (double)us / 1e6);
}

static void
open_object(struct buf *out)
{
	buf_char(out, '{');
}

static void
open_key(struct buf *out, const char *name, char bracket)
{
	key(out, name);
	buf_char(out, bracket);
}

static void
close_with(struct buf *out, char bracket)
{
	buf_char(out, bracket);
}

/* ---- the parts */

static void
add_counters(struct buf *out, const struct metrics_cell *c)
{
	add_uint(out, "requests", c->requests);
	open_key(out, "responses", '{');
	for (unsigned i = 0; i < ARRAY_LEN(status_classes); i++)
		add_uint(out, status_classes[i], c->status[i]);
	close_with(out, '}');
	add_uint(out, "bytes_in", c->bytes_in);
	add_uint(out, "bytes_out", c->bytes_out);
}

static void
add_codes(struct buf *out, const struct metrics_cell *c)
{
	char code[16];

	open_key(out, "codes", '{');
	for (unsigned i = 0; i < METRICS_CODES; i++) {
		if (c->codes[i] == 0)
			continue;
		snprintf(code, sizeof(code), "%d", metrics_code(i));
		add_uint(out, metrics_code(i) != 0 ? code : "other", c->codes[i]);
	}
	close_with(out, '}');
}

static void
add_times(struct buf *out, const struct metrics_histogram *h)
{
	open_key(out, "seconds", '{');
	add_uint(out, "count", status_count(h));
	add_seconds(out, "sum", h->sum_us);
	add_seconds(out, "p50", status_quantile(h, 50));
	add_seconds(out, "p90", status_quantile(h, 90));
	add_seconds(out, "p99", status_quantile(h, 99));
	close_with(out, '}');
}

static void
add_failures(struct buf *out, const struct metrics_cell *c)
{
	open_key(out, "failures", '{');
	for (unsigned i = 0; i < FAIL_KINDS; i++)
		add_uint(out, metrics_failure_names[i], c->failures[i]);
	close_with(out, '}');
}

static void
add_worker(struct buf *out, const struct status_page *p)
{
	const struct status_worker *w = p->walk.worker;

	open_object(out);
	add_uint(out, "slot", (uint64_t)w->slot);
	add_uint(out, "pid", (uint64_t)w->pid);
	add_uint(out, "generation", w->generation);
	add_text(out, "state", str_of(w->state));
	add_uint(out, "connections", w->connections);
	add_uint(out, "requests_in_flight", w->exchanges);
	add_uint(out, "tunnels", w->tunnels);
	add_uint(out, "accepted", w->accepted);
	add_uint(out, "requests", w->requests);
	close_with(out, '}');
}

static void
add_handshakes(struct buf *out, const struct metrics_cell *c)
{
	open_key(out, "handshakes", '{');
	add_uint(out, "done", c->handshakes);
	add_uint(out, "resumed", c->resumed);
	add_uint(out, "failed", c->handshake_failures);
	close_with(out, '}');
}

static void
add_listen(struct buf *out, const struct status_page *p)
{
	const struct status_row *row = &p->walk.row;
	const struct conf_listen *listen = p->status.runtime->conf->listens[row->index];

	open_object(out);
	add_text(out, "name", listen->name);
	open_key(out, "bind", '[');
	for (unsigned i = 0; i < listen->nbinds; i++) {
		comma(out);
		buf_json(out, listen->binds[i].text);
	}
	close_with(out, ']');
	add_bool(out, "tls", listen->tls);
	add_uint(out, "connections", row->cell.connections);
	if (listen->tls)
		add_handshakes(out, &row->cell);
	add_counters(out, &row->cell);
	add_codes(out, &row->cell);
	add_times(out, &row->cell.time);
	close_with(out, '}');
}

static void
add_certificate(struct buf *out, const struct status_page *p)
{
	const struct status_certificate *c = &p->walk.certificate;

	open_object(out);
	add_text(out, "path", c->path);
	add_text(out, "subject", c->subject);
	add_text(out, "key", c->key_type);
	add_uint(out, "expires_ms", c->expires_wall_ms > 0 ? (uint64_t)c->expires_wall_ms : 0);
	close_with(out, '}');
}

/* Each backend with its share. */
static void
add_splits(struct buf *out, const struct conf_route *route)
{
	open_key(out, "split", '{');
	for (unsigned i = 0; i < route->nsplits; i++)
		add_uint(out, route->splits[i].backend->name.p, route->splits[i].weight);
	close_with(out, '}');
}

static void
add_route(struct buf *out, const struct status_page *p)
{
	const struct status_row *row = &p->walk.row;
	const struct conf_route *route = p->status.runtime->conf->routes[row->index];

	open_object(out);
	add_text(out, "name", route->name);
	if (route->backend != NULL)
		add_text(out, "backend", route->backend->name);
	if (route->files_backend != NULL)
		add_text(out, "files_backend", route->files_backend->name);
	if (route->nsplits > 0)
		add_splits(out, route);
	add_counters(out, &row->cell);
	close_with(out, '}');
}

static void
add_look(struct buf *out, const struct status_look *look)
{
	open_key(out, "check", '{');
	add_text(out, "finding", str_of(look->finding));
	add_uint(out, "status", look->status);
	add_seconds(out, "seconds", look->latency_us);
	add_uint(out, "in_row", look->in_row);
	add_uint(out, "at_ms", look->at_wall_ms);
	add_uint(out, "changed_ms", look->changed_wall_ms);
	add_uint(out, "good", look->good);
	add_uint(out, "bad", look->bad);
	close_with(out, '}');
}

static void
add_server(struct buf *out, const struct status_server *server)
{
	open_object(out);
	add_text(out, "name", server->name);
	add_text(out, "address", str_of(server->address));
	add_text(out, "state", str_of(server->standing.state));
	add_text(out, "state_by", str_of(server->standing.by));
	add_text(out, "reason", str_of(server->standing.reason));
	add_bool(out, "backup", server->backup);
	add_uint(out, "weight", server->weight);
	add_uint(out, "max_conns", server->max_conns);
	add_uint(out, "requests_in_flight", server->in_flight);
	add_uint(out, "connections", shm_server_connections(server->slot));
	add_uint(out, "connections_opened", server->cell.connections);
	add_uint(out, "retries", server->cell.retries);
	add_uint(out, "ejections", server->cell.ejections);
	add_counters(out, &server->cell);
	add_failures(out, &server->cell);
	add_times(out, &server->cell.time);
	add_look(out, &server->look);
	close_with(out, '}');
}

/* Up to its servers, which are steps of their own. */
static void
add_backend(struct buf *out, const struct status_page *p)
{
	const struct status_row *row = &p->walk.row;

	open_object(out);
	add_text(out, "name", row->name);
	add_counters(out, &row->cell);
	add_codes(out, &row->cell);
	add_uint(out, "retries", row->cell.retries);
	add_uint(out, "retries_refused", row->cell.retries_refused);
	add_uint(out, "queue", row->queue);
	add_uint(out, "queued", row->cell.queued);
	add_uint(out, "queue_timeouts", row->cell.queue_timeouts);
	add_uint(out, "mirrored", row->cell.mirrored);
	add_uint(out, "mirror_drops", row->cell.mirror_drops);
	add_failures(out, &row->cell);
	add_times(out, &row->cell.time);
	open_key(out, "servers", '[');
}

static void
add_process(struct buf *out, const struct status *s)
{
	const struct shm_core_data *core = s->runtime->shm->core.data;

	add_text(out, "version", STR_OF(USHERD_VERSION));
	add_uint(out, "time_ms", (uint64_t)clock_wall_ms());
	add_uint(out, "started_ms", core->started_wall_ms);
	add_uint(out, "loaded_ms", core->loaded_wall_ms);
	add_uint(out, "generation", core->generation);
	add_uint(out, "reloads", core->reloads);
	add_uint(out, "reload_failures", core->reload_failures);
	add_uint(out, "worker_deaths", core->worker_deaths);
	add_uint(out, "connections", s->total.connections);
	add_uint(out, "requests_in_flight", s->total.exchanges);
	add_uint(out, "tunnels", s->total.tunnels);
}

/* ---- the page: an array for each kind of object, behind the members of the process */

static const struct section {
	const char *name;
	enum status_kind kind;
	void (*add)(struct buf *out, const struct status_page *p);
} sections[] = {
	{ "workers", STATUS_WORKER, add_worker },
	{ "listens", STATUS_LISTEN, add_listen },
	{ "routes", STATUS_ROUTE, add_route },
	{ "backends", STATUS_BACKEND, add_backend },
	{ "certificates", STATUS_CERTIFICATE, add_certificate },
};

static bool
next_section(struct status_page *p, struct buf *out)
{
	if (p->section == 0) {
		open_object(out);
		add_process(out, &p->status);
	} else {
		close_with(out, ']');
	}
	if (p->section == ARRAY_LEN(sections)) {
		buf_cstr(out, "}\n");
		return false;
	}
	buf_printf(out, ",\"%s\":[", sections[p->section].name);
	status_walk_start(&p->walk, &p->status, sections[p->section].kind);
	p->section++;
	p->has_objects = false;
	return true;
}

static void
add_object(struct status_page *p, struct buf *out)
{
	const struct section *section = &sections[p->section - 1];

	if (p->has_objects)
		buf_char(out, ',');
	p->has_objects = true;
	section->add(out, p);
	if (section->kind != STATUS_BACKEND)
		return;
	status_walk_backend(&p->servers, &p->status, p->walk.row.index);
	p->in_backend = true;
	p->has_servers = false;
}

static void
step_in_backend(struct status_page *p, struct buf *out)
{
	switch (status_walk_next(&p->servers)) {
	case STATUS_OBJECT:
		if (p->has_servers)
			buf_char(out, ',');
		p->has_servers = true;
		add_server(out, &p->servers.server);
		break;
	case STATUS_NOTHING:
		break;
	case STATUS_END:
		p->in_backend = false;
		buf_cstr(out, "]}");
		break;
	}
}

static bool
step(struct status_page *p, struct buf *out)
{
	if (p->section == 0)
		return next_section(p, out);
	if (p->in_backend) {
		step_in_backend(p, out);
		return true;
	}
	switch (status_walk_next(&p->walk)) {
	case STATUS_OBJECT:
		add_object(p, out);
		return true;
	case STATUS_NOTHING:
		return true;
	default:
		return next_section(p, out);
	}
}

const struct status_format status_json = {
	.type = STR("application/json"),
	.step = step,
};
