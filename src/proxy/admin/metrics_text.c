/*
 * metrics_text.c - the counters in the Prometheus text format.
 *
 * Every metric is one row of a table: whose it is, its name, type and meaning, and where its value
 * comes from: a function for single numbers, a place in the metrics cell for counters.
 */
#include "proxy/admin/metrics_text.h"

#include <stdio.h>

#include "base/check.h"
#include "proxy/runtime.h"
#include "proxy/text/escape.h"

#ifndef USHERD_VERSION
#define USHERD_VERSION "unknown"
#endif

enum type { COUNTER, GAUGE, HISTOGRAM };

static const char *const type_names[] = {
	[COUNTER] = "counter", [GAUGE] = "gauge", [HISTOGRAM] = "histogram",
};

/* Whose samples are written: the object that the page has come to. */
struct object {
	const struct status *status;
	const struct status_walk *walk;
	const struct metrics_cell *cell;
	struct str labels;		/* without braces */
};

struct metric {
	enum status_kind owner;		/* whose it is: one sample, or one for each of these */
	enum type type;
	const char *name;
	const char *help;

	/* Where values come from: one of these. */
	double (*get)(const struct object *o);
	void (*many)(const struct metric *m, const struct object *o, struct buf *out);
	size_t offset, size;		/* of what is needed of the metrics cell */
};

/* ---- samples */

static void
sample_start(const char *name, const char *suffix, const struct object *o, const char *label,
    const char *value, struct buf *out)
{
	bool comma = o->labels.n > 0 && label != NULL;

	buf_cstr(out, name);
	buf_cstr(out, suffix);
	if (o->labels.n > 0 || label != NULL) {
		buf_char(out, '{');
		buf_str(out, o->labels);
		if (comma)
			buf_char(out, ',');
		if (label != NULL) {
			buf_cstr(out, label);
			buf_cstr(out, "=\"");
			buf_cstr(out, value);
			buf_char(out, '"');
		}
		buf_char(out, '}');
	}
	buf_char(out, ' ');
}

static void
sample_uint(const char *name, const char *suffix, const struct object *o, const char *label,
    const char *value, uint64_t v, struct buf *out)
{
	sample_start(name, suffix, o, label, value, out);
	buf_uint(out, v);
	buf_char(out, '\n');
}

static void
responses(const struct metric *m, const struct object *o, struct buf *out)
{
	for (unsigned i = 0; i < ARRAY_LEN(status_classes); i++)
		sample_uint(m->name, "", o, "status", status_classes[i], o->cell->status[i], out);
}

/* Those that occurred: there are many, and most never do. */
static void
codes(const struct metric *m, const struct object *o, struct buf *out)
{
	char code[16];

	for (unsigned i = 0; i < METRICS_CODES; i++) {
		if (o->cell->codes[i] == 0)
			continue;
		snprintf(code, sizeof(code), "%d", metrics_code(i));
		sample_uint(m->name, "", o, "code", metrics_code(i) != 0 ? code : "other",
		    o->cell->codes[i], out);
	}
}

static void
failures(const struct metric *m, const struct object *o, struct buf *out)
{
	for (unsigned i = 0; i < FAIL_KINDS; i++)
		sample_uint(m->name, "", o, "why", metrics_failure_names[i],
		    o->cell->failures[i], out);
}

static void
histogram(const struct metric *m, const struct object *o, struct buf *out)
{
	const struct metrics_histogram *h = &o->cell->time;
	uint64_t seen = 0;
	char le[32];

	for (unsigned i = 0; i < METRICS_BUCKETS; i++) {
		if (metrics_bounds_us[i] == UINT64_MAX)
			snprintf(le, sizeof(le), "+Inf");
		else
			snprintf(le, sizeof(le), "%g", (double)metrics_bounds_us[i] / 1e6);
		seen += h->bucket[i];
		sample_uint(m->name, "_bucket", o, "le", le, seen, out);
	}
	sample_start(m->name, "_sum", o, NULL, NULL, out);
	buf_printf(out, "%.6f\n", (double)h->sum_us / 1e6);
	sample_uint(m->name, "_count", o, NULL, NULL, seen, out);
}

/* One sample, whose labels say it all; its words need no escapes. */
static void
server_state(const struct metric *m, const struct object *o, struct buf *out)
{
	const struct standing *s = &o->walk->server.standing;

	buf_printf(out, "%s{%.*s,state=\"%s\",by=\"%s\",reason=\"%s\"} 1\n", m->name,
	    STR_ARG(o->labels), s->state, s->by, s->reason);
}

static void
checks(const struct metric *m, const struct object *o, struct buf *out)
{
	sample_uint(m->name, "", o, "result", "good", o->walk->server.look.good, out);
	sample_uint(m->name, "", o, "result", "bad", o->walk->server.look.bad, out);
}

static void
last_check(const struct metric *m, const struct object *o, struct buf *out)
{
	if (o->walk->server.look.at_wall_ms != 0)
		sample_uint(m->name, "", o, "finding", o->walk->server.look.finding,
		    o->walk->server.look.in_row, out);
}

static void
check_seconds(const struct metric *m, const struct object *o, struct buf *out)
{
	if (o->walk->server.look.at_wall_ms == 0)
		return;
	sample_start(m->name, "", o, NULL, NULL, out);
	buf_printf(out, "%.6f\n", (double)o->walk->server.look.latency_us / 1e6);
}

static void
check_time(const struct metric *m, const struct object *o, struct buf *out)
{
	if (o->walk->server.look.at_wall_ms == 0)
		return;
	sample_start(m->name, "", o, NULL, NULL, out);
	buf_printf(out, "%.3f\n", (double)o->walk->server.look.at_wall_ms / 1e3);
}

static void
workers_by_state(const struct metric *m, const struct object *o, struct buf *out)
{
	static const char *const states[] = { "starting", "ready", "draining" };

	for (unsigned i = 0; i < ARRAY_LEN(states); i++) {
		unsigned n = 0;

		for (unsigned k = 0; k < o->status->nworkers; k++)
			n += strcmp(o->status->workers[k].state, states[i]) == 0;
		sample_uint(m->name, "", o, "state", states[i], n, out);
	}
}

static void
process_cpu(const struct metric *m, const struct object *o, struct buf *out)
{
	if (o->walk->process.cpu_us == SHM_UNKNOWN)
		return;
	sample_start(m->name, "", o, NULL, NULL, out);
	buf_printf(out, "%.6f\n", (double)o->walk->process.cpu_us / 1e6);
}

static void
process_memory(const struct metric *m, const struct object *o, struct buf *out)
{
	if (o->walk->process.resident_bytes != SHM_UNKNOWN)
		sample_uint(m->name, "", o, NULL, NULL, o->walk->process.resident_bytes, out);
}

static void
process_descriptors(const struct metric *m, const struct object *o, struct buf *out)
{
	if (o->walk->process.descriptors != SHM_UNKNOWN)
		sample_uint(m->name, "", o, NULL, NULL, o->walk->process.descriptors, out);
}

static void
version(const struct metric *m, const struct object *o, struct buf *out)
{
	sample_uint(m->name, "", o, "version", USHERD_VERSION, 1, out);
}

/* ---- values */

#define VALUE(name, expression) \
	static double \
	name(const struct object *o) \
	{ \
		return (double)(expression); \
	}

#define CORE(o)	((o)->status->runtime->shm->core.data)

VALUE(start_time, (double)CORE(o)->started_wall_ms / 1000)
VALUE(process_start, (double)o->walk->process.started_wall_ms / 1000)
VALUE(load_time, (double)CORE(o)->loaded_wall_ms / 1000)
VALUE(generation, CORE(o)->generation)
VALUE(queue_length, o->walk->row.queue)
VALUE(reloads, CORE(o)->reloads)
VALUE(reload_failures, CORE(o)->reload_failures)
VALUE(worker_deaths, CORE(o)->worker_deaths)
VALUE(all_connections, o->status->total.connections)
VALUE(all_exchanges, o->status->total.exchanges)
VALUE(all_tunnels, o->status->total.tunnels)
VALUE(worker_accepted, o->walk->worker->accepted)
VALUE(worker_requests, o->walk->worker->requests)
VALUE(worker_connections, o->walk->worker->connections)
VALUE(server_up, o->walk->server.standing.up)
VALUE(server_weight, o->walk->server.weight)
VALUE(server_in_flight, o->walk->server.in_flight)
VALUE(server_connections, shm_server_connections(o->walk->server.slot))
VALUE(certificate_expiry, (double)o->walk->certificate.expires_wall_ms / 1000)

#define CELL(member) \
	.offset = offsetof(struct metrics_cell, member), \
	.size = sizeof(((struct metrics_cell *)NULL)->member)

/* Dashboards and alerts get two releases to follow a change of name. */
#define OLD_NAME_OF(name)	"Old name of " name ", for two more releases."

static const struct metric metrics[] = {
	{ STATUS_PROXY, GAUGE, "usherd_info",
	  "Always 1, with the version as a label.", .many = version },
	{ STATUS_PROXY, GAUGE, "usherd_start_timestamp_seconds",
	  "When the master started, in seconds since the epoch.", .get = start_time },
	{ STATUS_PROXY, GAUGE, "usherd_start_time_seconds",
	  OLD_NAME_OF("usherd_start_timestamp_seconds"), .get = start_time },
	{ STATUS_PROXY, GAUGE, "usherd_config_load_timestamp_seconds",
	  "When the configuration in force was loaded, in seconds since the epoch.",
	  .get = load_time },
	{ STATUS_PROXY, GAUGE, "usherd_config_load_time_seconds",
	  OLD_NAME_OF("usherd_config_load_timestamp_seconds"), .get = load_time },
	{ STATUS_PROXY, GAUGE, "usherd_generation",
	  "Number of the newest generation of workers.", .get = generation },
	{ STATUS_PROXY, COUNTER, "usherd_reloads_total",
	  "Reloads that came into force.", .get = reloads },
	{ STATUS_PROXY, COUNTER, "usherd_reload_failures_total",
	  "Reloads that were given up; the configuration before went on.", .get = reload_failures },
	{ STATUS_PROXY, COUNTER, "usherd_worker_deaths_total",
	  "Workers that died unexpectedly.", .get = worker_deaths },
	{ STATUS_PROXY, GAUGE, "usherd_workers",
	  "Workers of all generations, by state.", .many = workers_by_state },
	{ STATUS_PROXY, GAUGE, "usherd_connections",
	  "Client connections now.", .get = all_connections },
	{ STATUS_PROXY, GAUGE, "usherd_requests_in_flight",
	  "Requests being answered now.", .get = all_exchanges },
	{ STATUS_PROXY, GAUGE, "usherd_tunnels",
	  "Upgraded connections (WebSocket) now.", .get = all_tunnels },

	{ STATUS_PROCESS, GAUGE, "process_start_time_seconds",
	  "When the process started, in seconds since the epoch.", .get = process_start },
	{ STATUS_PROCESS, COUNTER, "process_cpu_seconds_total",
	  "User and system CPU time that the process spent.", .many = process_cpu },
	{ STATUS_PROCESS, GAUGE, "process_resident_memory_bytes",
	  "Memory of the process that is resident, shared memory included.",
	  .many = process_memory },
	{ STATUS_PROCESS, GAUGE, "process_open_fds",
	  "Descriptors that the process has open.", .many = process_descriptors },

	{ STATUS_WORKER, COUNTER, "usherd_worker_accepted_total",
	  "Connections that this worker accepted since it started.", .get = worker_accepted },
	{ STATUS_WORKER, COUNTER, "usherd_worker_requests_total",
	  "Requests that this worker took since it started.", .get = worker_requests },
	{ STATUS_WORKER, GAUGE, "usherd_worker_connections",
	  "Client connections of this worker now.", .get = worker_connections },

	{ STATUS_LISTEN, COUNTER, "usherd_listen_connections_total",
	  "Connections accepted.", CELL(connections) },
	{ STATUS_LISTEN, COUNTER, "usherd_listen_requests_total",
	  "Requests received.", CELL(requests) },
	{ STATUS_LISTEN, COUNTER, "usherd_listen_responses_total",
	  "Exchanges that ended, by class of status; 4xx with clients that left before (499).",
	  .many = responses, CELL(status) },
	{ STATUS_LISTEN, COUNTER, "usherd_listen_response_codes_total",
	  "Exchanges that ended, by status code; other: codes without a counter.",
	  .many = codes, CELL(codes) },
	{ STATUS_LISTEN, COUNTER, "usherd_listen_received_bytes_total",
	  "Bytes received from clients.", CELL(bytes_in) },
	{ STATUS_LISTEN, COUNTER, "usherd_listen_sent_bytes_total",
	  "Bytes sent to clients.", CELL(bytes_out) },
	{ STATUS_LISTEN, COUNTER, "usherd_listen_tls_handshakes_total",
	  "TLS handshakes that were completed.", CELL(handshakes) },
	{ STATUS_LISTEN, COUNTER, "usherd_listen_tls_resumed_total",
	  "Of these, those that resumed an earlier session.", CELL(resumed) },
	{ STATUS_LISTEN, COUNTER, "usherd_listen_tls_failures_total",
	  "TLS handshakes that failed.", CELL(handshake_failures) },
	{ STATUS_LISTEN, HISTOGRAM, "usherd_listen_request_seconds",
	  "Time from the first byte of a request to the last of its response.",
	  .many = histogram, CELL(time) },

	{ STATUS_ROUTE, COUNTER, "usherd_route_requests_total",
	  "Requests that chose this route.", CELL(requests) },
	{ STATUS_ROUTE, COUNTER, "usherd_route_responses_total",
	  "Exchanges that ended, by class of status; 4xx with clients that left before (499).",
	  .many = responses, CELL(status) },
	{ STATUS_ROUTE, COUNTER, "usherd_route_received_bytes_total",
	  "Bytes received from clients.", CELL(bytes_in) },
	{ STATUS_ROUTE, COUNTER, "usherd_route_sent_bytes_total",
	  "Bytes sent to clients.", CELL(bytes_out) },

	{ STATUS_BACKEND, COUNTER, "usherd_backend_requests_total",
	  "Requests sent to its servers.", CELL(requests) },
	{ STATUS_BACKEND, COUNTER, "usherd_backend_responses_total",
	  "Attempts that ended, by class of status; none: no response.",
	  .many = responses, CELL(status) },
	{ STATUS_BACKEND, COUNTER, "usherd_backend_response_codes_total",
	  "Attempts that got a response, by status code; other: codes without a counter.",
	  .many = codes, CELL(codes) },
	{ STATUS_BACKEND, COUNTER, "usherd_backend_retries_total",
	  "Requests that were tried again after a failure.", CELL(retries) },
	{ STATUS_BACKEND, COUNTER, "usherd_backend_retries_refused_total",
	  "Requests that were not tried again because of retry_budget.",
	  CELL(retries_refused) },
	{ STATUS_BACKEND, GAUGE, "usherd_backend_queue",
	  "Requests that wait for a place in one of its servers now.", .get = queue_length },
	{ STATUS_BACKEND, COUNTER, "usherd_backend_queued_total",
	  "Requests that had to wait for a place.", CELL(queued) },
	{ STATUS_BACKEND, COUNTER, "usherd_backend_queue_timeouts_total",
	  "Requests that waited in vain.", CELL(queue_timeouts) },
	{ STATUS_BACKEND, COUNTER, "usherd_backend_mirrored_total",
	  "Copies of requests that it answered, for mirror.", CELL(mirrored) },
	{ STATUS_BACKEND, COUNTER, "usherd_backend_mirror_drops_total",
	  "Copies of requests that came to nothing.", CELL(mirror_drops) },
	{ STATUS_BACKEND, COUNTER, "usherd_backend_failures_total",
	  "Attempts that failed, by cause.", .many = failures, CELL(failures) },
	{ STATUS_BACKEND, COUNTER, "usherd_backend_received_bytes_total",
	  "Bytes received from servers.", CELL(bytes_in) },
	{ STATUS_BACKEND, COUNTER, "usherd_backend_sent_bytes_total",
	  "Bytes sent to servers.", CELL(bytes_out) },
	{ STATUS_BACKEND, HISTOGRAM, "usherd_backend_response_seconds",
	  "Time of an attempt, from its start to the last byte of the response.",
	  .many = histogram, CELL(time) },

	{ STATUS_SERVER, GAUGE, "usherd_server_up",
	  "1 if the server gets requests, else 0.", .get = server_up },
	{ STATUS_SERVER, GAUGE, "usherd_server_state",
	  "Always 1; the labels name its state, who says so, and why it is down.",
	  .many = server_state },
	{ STATUS_SERVER, COUNTER, "usherd_server_checks_total",
	  "Health checks, by result.", .many = checks },
	{ STATUS_SERVER, GAUGE, "usherd_server_last_check",
	  "Good or bad checks in a row up to now; the label says what the last one found.",
	  .many = last_check },
	{ STATUS_SERVER, GAUGE, "usherd_server_last_check_seconds",
	  "How long the last check took.", .many = check_seconds },
	{ STATUS_SERVER, GAUGE, "usherd_server_last_check_timestamp_seconds",
	  "When the last check ended, in seconds since the epoch.", .many = check_time },
	{ STATUS_SERVER, GAUGE, "usherd_server_last_check_time_seconds",
	  OLD_NAME_OF("usherd_server_last_check_timestamp_seconds"), .many = check_time },
	{ STATUS_SERVER, GAUGE, "usherd_server_weight",
	  "Its weight.", .get = server_weight },
	{ STATUS_SERVER, GAUGE, "usherd_server_requests_in_flight",
	  "Requests that it is answering now, of all workers.", .get = server_in_flight },
	{ STATUS_SERVER, GAUGE, "usherd_server_connections",
	  "Connections to it now, idle ones included.", .get = server_connections },
	{ STATUS_SERVER, COUNTER, "usherd_server_connections_total",
	  "Connections opened to it.", CELL(connections) },
	{ STATUS_SERVER, COUNTER, "usherd_server_requests_total",
	  "Requests sent to it.", CELL(requests) },
	{ STATUS_SERVER, COUNTER, "usherd_server_responses_total",
	  "Attempts that ended, by class of status; none: no response.",
	  .many = responses, CELL(status) },
	{ STATUS_SERVER, COUNTER, "usherd_server_retries_total",
	  "Requests that were tried again after this server failed.", CELL(retries) },
	{ STATUS_SERVER, COUNTER, "usherd_server_ejections_total",
	  "How often it was taken out for errors in a row.", CELL(ejections) },
	{ STATUS_SERVER, COUNTER, "usherd_server_failures_total",
	  "Attempts that failed, by cause.", .many = failures, CELL(failures) },
	{ STATUS_SERVER, COUNTER, "usherd_server_received_bytes_total",
	  "Bytes received from it.", CELL(bytes_in) },
	{ STATUS_SERVER, COUNTER, "usherd_server_sent_bytes_total",
	  "Bytes sent to it.", CELL(bytes_out) },
	{ STATUS_SERVER, HISTOGRAM, "usherd_server_response_seconds",
	  "Time of an attempt, from its start to the last byte of the response.",
	  .many = histogram, CELL(time) },

	{ STATUS_CERTIFICATE, GAUGE, "usherd_certificate_expiry_timestamp_seconds",
	  "When this certificate expires, in seconds since the epoch.",
	  .get = certificate_expiry },
	{ STATUS_CERTIFICATE, GAUGE, "usherd_certificate_expiry_seconds",
	  OLD_NAME_OF("usherd_certificate_expiry_timestamp_seconds"),
	  .get = certificate_expiry },
};

bool
metrics_text_describe(unsigned i, const char **name, const char **help)
{
	if (i >= ARRAY_LEN(metrics))
		return false;
	*name = metrics[i].name;
	*help = metrics[i].help;
	return true;
}

/* ---- objects */

static void
add_label(struct buf *labels, const char *name, struct str value)
{
	if (labels->n > 0)
		buf_char(labels, ',');
	buf_cstr(labels, name);
	buf_cstr(labels, "=\"");
	escape_label(labels, value);
	buf_char(labels, '"');
}

static void
add_labels(const struct status_walk *w, struct buf *labels)
{
	char text[24];

	switch (w->kind) {
	case STATUS_PROXY:
		break;
	case STATUS_PROCESS:
		add_label(labels, "process", str_of(w->process.kind));
		if (w->process.slot >= 0)
			add_label(labels, "worker",
			    str_make(text, fmt_uint(text, (uint64_t)w->process.slot)));
		break;
	case STATUS_WORKER:
		add_label(labels, "worker",
		    str_make(text, fmt_uint(text, (uint64_t)w->worker->slot)));
		break;
	case STATUS_LISTEN:
		add_label(labels, "listen", w->row.name);
		break;
	case STATUS_ROUTE:
		add_label(labels, "route", w->row.name);
		break;
	case STATUS_BACKEND:
		add_label(labels, "backend", w->row.name);
		break;
	case STATUS_SERVER:
		add_label(labels, "backend", w->server.backend->name);
		add_label(labels, "server", w->server.name);
		add_label(labels, "address", str_of(w->server.address));
		break;
	case STATUS_CERTIFICATE:
		add_label(labels, "certificate", w->certificate.path);
		add_label(labels, "key", w->certificate.key_path);
		break;
	}
}

static uint64_t
cell_counter(const struct metric *m, const struct object *o)
{
	return *(const _Atomic uint64_t *)(const void *)((const char *)o->cell + m->offset);
}

static void
write_object(const struct metric *m, const struct object *o, struct buf *out)
{
	if (m->many != NULL) {
		m->many(m, o, out);
	} else if (m->get != NULL) {
		sample_start(m->name, "", o, NULL, NULL, out);
		buf_printf(out, "%.15g\n", m->get(o));
	} else {
		sample_uint(m->name, "", o, NULL, NULL, cell_counter(m, o), out);
	}
}

/* ---- the page: a section for each metric, so that its samples stand together */

static bool
next_metric(struct status_page *p)
{
	const struct metric *m = &metrics[p->section];

	if (p->section == ARRAY_LEN(metrics))
		return false;
	p->section++;
	p->has_objects = false;
	status_walk_start(&p->walk, &p->status, m->owner);
	p->walk.offset = m->offset;
	p->walk.size = m->size;
	return true;
}

static void
write_samples(struct status_page *p, const struct metric *m, struct buf *out)
{
	const struct status_walk *w = &p->walk;
	struct object o = { .status = &p->status, .walk = w };

	if (!p->has_objects)
		buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name,
		    type_names[m->type]);
	p->has_objects = true;
	p->labels.n = 0;
	add_labels(w, &p->labels);
	o.labels = buf_view(&p->labels);
	o.cell = w->kind == STATUS_SERVER ? &w->server.cell : &w->row.cell;
	write_object(m, &o, out);
}

static bool
step(struct status_page *p, struct buf *out)
{
	if (p->section == 0)
		return next_metric(p);
	switch (status_walk_next(&p->walk)) {
	case STATUS_OBJECT:
		write_samples(p, &metrics[p->section - 1], out);
		return true;
	case STATUS_NOTHING:
		return true;
	default:
		return next_metric(p);
	}
}

const struct status_format metrics_text = {
	.type = STR("text/plain; version=0.0.4; charset=utf-8"),
	.step = step,
};
