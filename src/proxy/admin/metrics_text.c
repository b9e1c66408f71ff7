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

const struct str metrics_text_type = STR("text/plain; version=0.0.4; charset=utf-8");

/* Whose a metric is: one sample, or one for each of these. */
enum owner {
	THE_PROXY,
	EACH_WORKER,
	EACH_LISTEN,
	EACH_ROUTE,
	EACH_BACKEND,
	EACH_SERVER,
	EACH_CERTIFICATE,
};

static const char *const owner_labels[] = {
	[THE_PROXY] = "", [EACH_WORKER] = "worker", [EACH_LISTEN] = "listen",
	[EACH_ROUTE] = "route", [EACH_BACKEND] = "backend", [EACH_SERVER] = "server",
	[EACH_CERTIFICATE] = "certificate",
};

enum type { COUNTER, GAUGE, HISTOGRAM };

static const char *const type_names[] = {
	[COUNTER] = "counter", [GAUGE] = "gauge", [HISTOGRAM] = "histogram",
};

/* The samples of one object: its metrics cell, or what a getter reads. */
struct object {
	const struct status *status;
	const struct status_worker *worker;
	const struct status_row *row;
	const struct status_server *server;
	const struct status_certificate *certificate;
	const struct metrics_cell *cell;
	struct buf labels;		/* without braces */
};

struct metric {
	enum owner owner;
	enum type type;
	const char *name;
	const char *help;

	/* Where values come from: one of these. */
	double (*get)(const struct object *o);
	void (*many)(const struct metric *m, const struct object *o, struct buf *out);
	size_t offset;			/* of a counter in the metrics cell */
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
		buf_str(out, buf_view(&o->labels));
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
	const struct standing *s = &o->server->standing;

	buf_printf(out, "%s{%.*s,state=\"%s\",by=\"%s\",reason=\"%s\"} 1\n", m->name,
	    STR_ARG(buf_view(&o->labels)), s->state, s->by, s->reason);
}

static void
checks(const struct metric *m, const struct object *o, struct buf *out)
{
	sample_uint(m->name, "", o, "result", "good", o->server->look.good, out);
	sample_uint(m->name, "", o, "result", "bad", o->server->look.bad, out);
}

static void
last_check(const struct metric *m, const struct object *o, struct buf *out)
{
	if (o->server->look.at_wall_ms != 0)
		sample_uint(m->name, "", o, "finding", o->server->look.finding,
		    o->server->look.in_row, out);
}

static void
check_seconds(const struct metric *m, const struct object *o, struct buf *out)
{
	if (o->server->look.at_wall_ms == 0)
		return;
	sample_start(m->name, "", o, NULL, NULL, out);
	buf_printf(out, "%.6f\n", (double)o->server->look.latency_us / 1e6);
}

static void
check_time(const struct metric *m, const struct object *o, struct buf *out)
{
	if (o->server->look.at_wall_ms == 0)
		return;
	sample_start(m->name, "", o, NULL, NULL, out);
	buf_printf(out, "%.3f\n", (double)o->server->look.at_wall_ms / 1e3);
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
VALUE(load_time, (double)CORE(o)->loaded_wall_ms / 1000)
VALUE(generation, CORE(o)->generation)
VALUE(queue_length, o->row->queue)
VALUE(reloads, CORE(o)->reloads)
VALUE(reload_failures, CORE(o)->reload_failures)
VALUE(worker_deaths, CORE(o)->worker_deaths)
VALUE(all_connections, o->status->total.connections)
VALUE(all_exchanges, o->status->total.exchanges)
VALUE(all_tunnels, o->status->total.tunnels)
VALUE(worker_accepted, o->worker->accepted)
VALUE(worker_requests, o->worker->requests)
VALUE(worker_connections, o->worker->connections)
VALUE(server_up, o->server->standing.up)
VALUE(server_weight, o->server->weight)
VALUE(server_in_flight, o->server->in_flight)
VALUE(server_connections, o->server->connections)
VALUE(certificate_expiry, (double)o->certificate->expires_wall_ms / 1000)

#define CELL(member)	.offset = offsetof(struct metrics_cell, member)

static const struct metric metrics[] = {
	{ THE_PROXY, GAUGE, "usherd_info",
	  "Always 1, with the version as a label.", .many = version },
	{ THE_PROXY, GAUGE, "usherd_start_time_seconds",
	  "When the master started, in seconds since the epoch.", .get = start_time },
	{ THE_PROXY, GAUGE, "usherd_config_load_time_seconds",
	  "When the configuration in force was loaded, in seconds since the epoch.",
	  .get = load_time },
	{ THE_PROXY, GAUGE, "usherd_generation",
	  "Number of the newest generation of workers.", .get = generation },
	{ THE_PROXY, COUNTER, "usherd_reloads_total",
	  "Reloads that came into force.", .get = reloads },
	{ THE_PROXY, COUNTER, "usherd_reload_failures_total",
	  "Reloads that were given up; the configuration before went on.", .get = reload_failures },
	{ THE_PROXY, COUNTER, "usherd_worker_deaths_total",
	  "Workers that died unexpectedly.", .get = worker_deaths },
	{ THE_PROXY, GAUGE, "usherd_workers",
	  "Workers of all generations, by state.", .many = workers_by_state },
	{ THE_PROXY, GAUGE, "usherd_connections",
	  "Client connections now.", .get = all_connections },
	{ THE_PROXY, GAUGE, "usherd_requests_in_flight",
	  "Requests being answered now.", .get = all_exchanges },
	{ THE_PROXY, GAUGE, "usherd_tunnels",
	  "Upgraded connections (WebSocket) now.", .get = all_tunnels },

	{ EACH_WORKER, COUNTER, "usherd_worker_accepted_total",
	  "Connections that this worker accepted since it started.", .get = worker_accepted },
	{ EACH_WORKER, COUNTER, "usherd_worker_requests_total",
	  "Requests that this worker took since it started.", .get = worker_requests },
	{ EACH_WORKER, GAUGE, "usherd_worker_connections",
	  "Client connections of this worker now.", .get = worker_connections },

	{ EACH_LISTEN, COUNTER, "usherd_listen_connections_total",
	  "Connections accepted.", CELL(connections) },
	{ EACH_LISTEN, COUNTER, "usherd_listen_requests_total",
	  "Requests received.", CELL(requests) },
	{ EACH_LISTEN, COUNTER, "usherd_listen_responses_total",
	  "Exchanges that ended, by class of status; 4xx with clients that left before (499).",
	  .many = responses },
	{ EACH_LISTEN, COUNTER, "usherd_listen_received_bytes_total",
	  "Bytes received from clients.", CELL(bytes_in) },
	{ EACH_LISTEN, COUNTER, "usherd_listen_sent_bytes_total",
	  "Bytes sent to clients.", CELL(bytes_out) },
	{ EACH_LISTEN, COUNTER, "usherd_listen_tls_handshakes_total",
	  "TLS handshakes that were completed.", CELL(handshakes) },
	{ EACH_LISTEN, COUNTER, "usherd_listen_tls_resumed_total",
	  "Of these, those that resumed an earlier session.", CELL(resumed) },
	{ EACH_LISTEN, COUNTER, "usherd_listen_tls_failures_total",
	  "TLS handshakes that failed.", CELL(handshake_failures) },
	{ EACH_LISTEN, HISTOGRAM, "usherd_listen_request_seconds",
	  "Time from the first byte of a request to the last of its response.", .many = histogram },

	{ EACH_ROUTE, COUNTER, "usherd_route_requests_total",
	  "Requests that chose this route.", CELL(requests) },
	{ EACH_ROUTE, COUNTER, "usherd_route_responses_total",
	  "Exchanges that ended, by class of status; 4xx with clients that left before (499).",
	  .many = responses },
	{ EACH_ROUTE, COUNTER, "usherd_route_received_bytes_total",
	  "Bytes received from clients.", CELL(bytes_in) },
	{ EACH_ROUTE, COUNTER, "usherd_route_sent_bytes_total",
	  "Bytes sent to clients.", CELL(bytes_out) },

	{ EACH_BACKEND, COUNTER, "usherd_backend_requests_total",
	  "Requests sent to its servers.", CELL(requests) },
	{ EACH_BACKEND, COUNTER, "usherd_backend_responses_total",
	  "Attempts that ended, by class of status; none: no response.", .many = responses },
	{ EACH_BACKEND, COUNTER, "usherd_backend_retries_total",
	  "Requests that were tried again after a failure.", CELL(retries) },
	{ EACH_BACKEND, COUNTER, "usherd_backend_retries_refused_total",
	  "Requests that were not tried again because of retry_budget.",
	  CELL(retries_refused) },
	{ EACH_BACKEND, GAUGE, "usherd_backend_queue",
	  "Requests that wait for a place in one of its servers now.", .get = queue_length },
	{ EACH_BACKEND, COUNTER, "usherd_backend_queued_total",
	  "Requests that had to wait for a place.", CELL(queued) },
	{ EACH_BACKEND, COUNTER, "usherd_backend_queue_timeouts_total",
	  "Requests that waited in vain.", CELL(queue_timeouts) },
	{ EACH_BACKEND, COUNTER, "usherd_backend_mirrored_total",
	  "Copies of requests that it answered, for mirror.", CELL(mirrored) },
	{ EACH_BACKEND, COUNTER, "usherd_backend_mirror_drops_total",
	  "Copies of requests that came to nothing.", CELL(mirror_drops) },
	{ EACH_BACKEND, COUNTER, "usherd_backend_failures_total",
	  "Attempts that failed, by cause.", .many = failures },
	{ EACH_BACKEND, COUNTER, "usherd_backend_received_bytes_total",
	  "Bytes received from servers.", CELL(bytes_in) },
	{ EACH_BACKEND, COUNTER, "usherd_backend_sent_bytes_total",
	  "Bytes sent to servers.", CELL(bytes_out) },
	{ EACH_BACKEND, HISTOGRAM, "usherd_backend_response_seconds",
	  "Time of an attempt, from its start to the last byte of the response.",
	  .many = histogram },

	{ EACH_SERVER, GAUGE, "usherd_server_up",
	  "1 if the server gets requests, else 0.", .get = server_up },
	{ EACH_SERVER, GAUGE, "usherd_server_state",
	  "Always 1; the labels name its state, who says so, and why it is down.",
	  .many = server_state },
	{ EACH_SERVER, COUNTER, "usherd_server_checks_total",
	  "Health checks, by result.", .many = checks },
	{ EACH_SERVER, GAUGE, "usherd_server_last_check",
	  "Good or bad checks in a row up to now; the label says what the last one found.",
	  .many = last_check },
	{ EACH_SERVER, GAUGE, "usherd_server_last_check_seconds",
	  "How long the last check took.", .many = check_seconds },
	{ EACH_SERVER, GAUGE, "usherd_server_last_check_time_seconds",
	  "When the last check ended, in seconds since the epoch.", .many = check_time },
	{ EACH_SERVER, GAUGE, "usherd_server_weight",
	  "Its weight.", .get = server_weight },
	{ EACH_SERVER, GAUGE, "usherd_server_requests_in_flight",
	  "Requests that it is answering now, of all workers.", .get = server_in_flight },
	{ EACH_SERVER, GAUGE, "usherd_server_connections",
	  "Connections to it now, idle ones included.", .get = server_connections },
	{ EACH_SERVER, COUNTER, "usherd_server_connections_total",
	  "Connections opened to it.", CELL(connections) },
	{ EACH_SERVER, COUNTER, "usherd_server_requests_total",
	  "Requests sent to it.", CELL(requests) },
	{ EACH_SERVER, COUNTER, "usherd_server_responses_total",
	  "Attempts that ended, by class of status; none: no response.", .many = responses },
	{ EACH_SERVER, COUNTER, "usherd_server_retries_total",
	  "Requests that were tried again after this server failed.", CELL(retries) },
	{ EACH_SERVER, COUNTER, "usherd_server_ejections_total",
	  "How often it was taken out for errors in a row.", CELL(ejections) },
	{ EACH_SERVER, COUNTER, "usherd_server_failures_total",
	  "Attempts that failed, by cause.", .many = failures },
	{ EACH_SERVER, COUNTER, "usherd_server_received_bytes_total",
	  "Bytes received from it.", CELL(bytes_in) },
	{ EACH_SERVER, COUNTER, "usherd_server_sent_bytes_total",
	  "Bytes sent to it.", CELL(bytes_out) },
	{ EACH_SERVER, HISTOGRAM, "usherd_server_response_seconds",
	  "Time of an attempt, from its start to the last byte of the response.",
	  .many = histogram },

	{ EACH_CERTIFICATE, GAUGE, "usherd_certificate_expiry_seconds",
	  "When this certificate expires, in seconds since the epoch.",
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

static unsigned
count_objects(const struct status *s, enum owner owner)
{
	switch (owner) {
	case THE_PROXY:
		return 1;
	case EACH_WORKER:
		return s->nworkers;
	case EACH_LISTEN:
		return s->runtime->conf->nlistens;
	case EACH_ROUTE:
		return s->runtime->conf->nroutes;
	case EACH_BACKEND:
		return s->runtime->conf->nbackends;
	case EACH_SERVER:
		return s->nservers;
	case EACH_CERTIFICATE:
		return s->ncertificates;
	}
	return 0;
}

static void
set_row(struct object *o, enum owner owner, const struct status_row *row)
{
	o->row = row;
	o->cell = &row->cell;
	add_label(&o->labels, owner_labels[owner], row->name);
}

static void
set_worker(struct object *o, const struct status_worker *w)
{
	char text[16];

	o->worker = w;
	add_label(&o->labels, "worker", str_make(text, fmt_uint(text, (uint64_t)w->slot)));
}

static void
set_server(struct object *o, const struct status_server *server)
{
	o->server = server;
	o->cell = &server->cell;
	add_label(&o->labels, "backend", server->backend->name);
	add_label(&o->labels, "server", server->name);
	add_label(&o->labels, "address", str_of(server->address));
}

static void
set_certificate(struct object *o, const struct status_certificate *certificate)
{
	o->certificate = certificate;
	add_label(&o->labels, "certificate", certificate->path);
	add_label(&o->labels, "key", certificate->key_path);
}

static void
set_object(struct object *o, const struct status *s, enum owner owner, unsigned i)
{
	o->status = s;
	o->labels.n = 0;
	if (owner == EACH_WORKER)
		set_worker(o, &s->workers[i]);
	else if (owner == EACH_LISTEN)
		set_row(o, owner, &s->listens[i]);
	else if (owner == EACH_ROUTE)
		set_row(o, owner, &s->routes[i]);
	else if (owner == EACH_BACKEND)
		set_row(o, owner, &s->backends[i]);
	else if (owner == EACH_SERVER)
		set_server(o, &s->servers[i]);
	else if (owner == EACH_CERTIFICATE)
		set_certificate(o, &s->certificates[i]);
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

void
metrics_text(const struct status *s, struct buf *out)
{
	struct object o = { .status = s };

	for (const struct metric *m = metrics; m < metrics + ARRAY_LEN(metrics); m++) {
		unsigned n = count_objects(s, m->owner);

		if (n == 0)
			continue;
		buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name,
		    type_names[m->type]);
		for (unsigned i = 0; i < n; i++) {
			set_object(&o, s, m->owner, i);
			write_object(m, &o, out);
		}
	}
	buf_fini(&o.labels);
}
