/*
 * status.c - what the status pages show, read from the shared segments object by object.
 */
#include "proxy/admin/status.h"

#include "base/mem.h"
#include "proxy/runtime.h"

const char *const status_classes[6] = { "none", "1xx", "2xx", "3xx", "4xx", "5xx" };

/* ---- workers */

static const char *
worker_state(uint32_t state)
{
	switch (state) {
	case SHM_STARTING:
		return "starting";
	case SHM_READY:
		return "ready";
	default:
		return "draining";
	}
}

static void
add_worker(struct status *s, int slot, const struct shm_worker *w)
{
	struct status_worker *to = &s->workers[s->nworkers++];
	struct status_worker *total = &s->total;

	to->slot = slot;
	to->pid = w->pid;
	to->generation = w->generation;
	to->state = worker_state(w->state);
	total->connections += to->connections = w->connections;
	total->exchanges += to->exchanges = w->exchanges;
	total->tunnels += to->tunnels = w->tunnels;
	total->accepted += to->accepted = w->accepted;
	total->requests += to->requests = w->requests;
}

static void
collect_workers(struct status *s)
{
	const struct shm_core_data *core = s->runtime->shm->core.data;

	for (int i = 0; i < SHM_WORKERS; i++)
		if (core->workers[i].state != SHM_FREE)
			add_worker(s, i, &core->workers[i]);
}

void
status_init(struct status *s, const struct runtime *rt)
{
	*s = (struct status){ .runtime = rt };
	collect_workers(s);
}

/* ---- processes */

/* After the death of the master nobody looks any more. */
enum { USAGE_OLD_MS = 120000 };

static enum status_step
read_process(struct status_walk *w, unsigned i)
{
	const struct shm_core_data *core = w->status->runtime->shm->core.data;
	const struct status_worker *worker = i > 0 ? &w->status->workers[i - 1] : NULL;
	const struct shm_usage *usage = worker != NULL ? &core->worker_usage[worker->slot] :
	    &core->master_usage;
	uint64_t seen_ms = usage->seen_ms;
	bool known = seen_ms != 0 && (uint64_t)clock_ms() < seen_ms + USAGE_OLD_MS;

	w->process = (struct status_process){
		.kind = worker != NULL ? "worker" : "master",
		.slot = worker != NULL ? worker->slot : -1,
		.started_wall_ms = usage->started_wall_ms,
		.cpu_us = known ? usage->cpu_us : SHM_UNKNOWN,
		.resident_bytes = known ? usage->resident_bytes : SHM_UNKNOWN,
		.descriptors = known ? usage->descriptors : SHM_UNKNOWN,
	};
	return STATUS_OBJECT;
}

/* ---- listens, routes, backends */

static enum status_step
read_row(struct status_walk *w, enum metrics_kind kind, unsigned i, struct str name)
{
	const struct metrics *m = &w->status->runtime->shm->metrics;
	uint32_t n = metrics_find(m, kind, name);

	w->row = (struct status_row){ .name = name, .index = i };
	if (n != 0)
		metrics_sum_part(m, n, w->offset, w->size, &w->row.cell);
	return STATUS_OBJECT;
}

static enum status_step
read_backend(struct status_walk *w, unsigned i)
{
	const struct runtime *rt = w->status->runtime;
	const struct shm_group *groups = rt->shm->servers.groups;

	read_row(w, METRICS_BACKEND, i, rt->conf->backends[i]->name);
	w->row.queue = shm_group_queued(&groups[rt->members[i]->group]);
	return STATUS_OBJECT;
}

/* ---- servers */

static void
set_look(struct status_look *to, const struct shm_look *look)
{
	uint32_t finding = atomic_load(&look->finding);

	to->finding = finding < FOUND_KINDS ? shm_finding_names[finding] : "";
	to->status = look->status;
	to->latency_us = look->latency_us;
	to->in_row = look->in_row;
	to->at_wall_ms = look->at_wall_ms;
	to->changed_wall_ms = look->changed_wall_ms;
	to->good = look->good;
	to->bad = look->bad;
}

static void
read_server(struct status_walk *w, const struct conf_backend *backend,
    const struct shm_server *slot, const struct shm_member *member)
{
	struct status_server *to = &w->server;

	*to = (struct status_server){ .backend = backend, .slot = slot };
	if (member->line < backend->nservers)
		to->name = backend->servers[member->line].text;
	else
		to->name = str_of(slot->name);
	if (slot->addr.len > 0)
		addr_text(&slot->addr, to->address);
	to->standing = standing_of(slot, member);
	set_look(&to->look, &slot->look);
	to->backup = (member->flags & MEMBER_BACKUP) != 0;
	to->weight = member->weight;
	to->max_conns = member->max_conns;
	to->in_flight = slot->in_flight;
	metrics_sum_part(&w->status->runtime->shm->metrics, slot->metric, w->offset, w->size,
	    &to->cell);
}

/* Addresses that stand in a list twice share their slot: it is shown once. */
static bool
listed_before(const struct shm_member *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i].slot == list[n].slot)
			return true;
	return false;
}

static void
read_list(struct status_walk *w, unsigned backend)
{
	uint64_t version = 0;
	int n;

	if (w->list == NULL)
		w->list = mem_zalloc(SHM_MEMBERS, sizeof(w->list[0]));
	n = shm_members_read(w->status->runtime->members[backend], &version, w->list);
	w->nlist = n > 0 ? (unsigned)n : 0;
	w->at = 0;
}

/* The list is read at once, and its servers in their turn: their slots may belong to others by
 * then. */
static enum status_step
next_server(struct status_walk *w)
{
	const struct runtime *rt = w->status->runtime;
	const struct shm_member *member;
	const struct shm_server *slot;

	if (w->at == w->nlist) {
		if (w->next == w->end)
			return STATUS_END;
		read_list(w, w->next++);
		return STATUS_NOTHING;
	}
	member = &w->list[w->at++];
	slot = &rt->shm->servers.slots[member->slot];
	if (slot->serial != member->serial || listed_before(w->list, w->at - 1))
		return STATUS_NOTHING;
	read_server(w, rt->conf->backends[w->next - 1], slot, member);
	return STATUS_OBJECT;
}

/* ---- certificates: those that this process has; every worker has the same */

static enum status_step
read_certificate(struct status_walk *w, unsigned i)
{
	const struct runtime *rt = w->status->runtime;
	const struct tls_cert *cert = tls_store_get(rt->certs, i);

	if (cert == NULL)
		return STATUS_NOTHING;
	w->certificate = (struct status_certificate){
		.path = rt->conf->certificates[i]->cert_path,
		.key_path = rt->conf->certificates[i]->key_path,
		.key_type = tls_cert_key_type(cert),
		.subject = tls_cert_subject(cert),
		.expires_wall_ms = tls_cert_not_after_wall_ms(cert),
	};
	return STATUS_OBJECT;
}

/* ---- walks */

static unsigned
count_objects(const struct status *s, enum status_kind kind)
{
	const struct conf_snapshot *conf = s->runtime->conf;

	switch (kind) {
	case STATUS_PROXY:
		return 1;
	case STATUS_PROCESS:
		return 1 + s->nworkers;
	case STATUS_WORKER:
		return s->nworkers;
	case STATUS_LISTEN:
		return conf->nlistens;
	case STATUS_ROUTE:
		return conf->nroutes;
	case STATUS_BACKEND:
	case STATUS_SERVER:
		return conf->nbackends;
	case STATUS_CERTIFICATE:
		return conf->ncertificates;
	}
	return 0;
}

static void
start(struct status_walk *w, const struct status *s, enum status_kind kind, unsigned next,
    unsigned end)
{
	*w = (struct status_walk){
		.status = s, .kind = kind, .next = next, .end = end, .list = w->list,
		.size = sizeof(struct metrics_cell),
	};
}

void
status_walk_start(struct status_walk *w, const struct status *s, enum status_kind kind)
{
	start(w, s, kind, 0, count_objects(s, kind));
}

void
status_walk_backend(struct status_walk *w, const struct status *s, unsigned backend)
{
	start(w, s, STATUS_SERVER, backend, backend + 1);
}

void
status_walk_fini(struct status_walk *w)
{
	mem_free(w->list);
	w->list = NULL;
}

enum status_step
status_walk_next(struct status_walk *w)
{
	const struct conf_snapshot *conf = w->status->runtime->conf;
	unsigned i = w->next;

	if (w->kind == STATUS_SERVER)
		return next_server(w);
	if (i == w->end)
		return STATUS_END;
	w->next++;
	switch (w->kind) {
	case STATUS_PROCESS:
		return read_process(w, i);
	case STATUS_WORKER:
		w->worker = &w->status->workers[i];
		return STATUS_OBJECT;
	case STATUS_LISTEN:
		return read_row(w, METRICS_LISTEN, i, conf->listens[i]->name);
	case STATUS_ROUTE:
		return read_row(w, METRICS_ROUTE, i, conf->routes[i]->name);
	case STATUS_BACKEND:
		return read_backend(w, i);
	case STATUS_CERTIFICATE:
		return read_certificate(w, i);
	default:
		return STATUS_OBJECT;
	}
}

/* ---- histograms */

uint64_t
status_count(const struct metrics_histogram *h)
{
	uint64_t n = 0;

	for (int i = 0; i < METRICS_BUCKETS; i++)
		n += h->bucket[i];
	return n;
}

uint64_t
status_quantile(const struct metrics_histogram *h, unsigned percent)
{
	uint64_t total = status_count(h), seen = 0;
	int i = 0;

	if (total == 0)
		return 0;
	while (i < METRICS_BUCKETS - 2) {
		seen += h->bucket[i];
		if (seen * 100 >= total * percent)
			break;
		i++;
	}
	return metrics_bounds_us[i];
}
