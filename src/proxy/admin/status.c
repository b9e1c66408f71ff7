/*
 * status.c - what the status pages show, collected once from the shared segments.
 */
#include "proxy/admin/status.h"

#include "base/map.h"
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

	s->workers = mem_zalloc(SHM_WORKERS, sizeof(s->workers[0]));
	for (int i = 0; i < SHM_WORKERS; i++)
		if (core->workers[i].state != SHM_FREE)
			add_worker(s, i, &core->workers[i]);
}

/* ---- listens, routes, backends */

static void
collect_row(struct status *s, struct status_row *row, enum metrics_kind kind, struct str name)
{
	const struct metrics *m = &s->runtime->shm->metrics;
	uint32_t n = metrics_find(m, kind, name);

	row->name = name;
	if (n != 0)
		metrics_sum(m, n, &row->cell);
}

static void
collect_rows(struct status *s)
{
	const struct conf_snapshot *conf = s->runtime->conf;

	s->listens = mem_zalloc(conf->nlistens, sizeof(s->listens[0]));
	for (unsigned i = 0; i < conf->nlistens; i++)
		collect_row(s, &s->listens[i], METRICS_LISTEN, conf->listens[i]->name);
	s->routes = mem_zalloc(conf->nroutes, sizeof(s->routes[0]));
	for (unsigned i = 0; i < conf->nroutes; i++)
		collect_row(s, &s->routes[i], METRICS_ROUTE, conf->routes[i]->name);
	s->backends = mem_zalloc(conf->nbackends, sizeof(s->backends[0]));
	for (unsigned i = 0; i < conf->nbackends; i++)
		collect_row(s, &s->backends[i], METRICS_BACKEND, conf->backends[i]->name);
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
add_server(struct status *s, const struct conf_backend *backend, const struct shm_member *member)
{
	const struct proxy_shm *shm = s->runtime->shm;
	const struct shm_server *slot = &shm->servers.slots[member->slot];
	struct status_server *to;

	/* Room for twice as many whenever their number is a power of two. */
	if ((s->nservers & (s->nservers - 1)) == 0)
		s->servers = mem_realloc(s->servers, s->nservers > 0 ? s->nservers * 2 : 1,
		    sizeof(s->servers[0]));
	to = &s->servers[s->nservers++];
	*to = (struct status_server){ .backend = backend };
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
	to->connections = shm_server_connections(slot);
	metrics_sum(&shm->metrics, slot->metric, &to->cell);
}

/* Addresses that stand in a list twice share their slot: it is shown once. */
static bool
listed_before(const struct shm_member *list, int n)
{
	for (int i = 0; i < n; i++)
		if (list[i].slot == list[n].slot)
			return true;
	return false;
}

static void
collect_servers(struct status *s, const struct conf_backend *backend,
    const struct shm_members *members, struct shm_member *list)
{
	uint64_t version = 0;
	int n = shm_members_read(members, &version, list);

	for (int i = 0; i < n; i++)
		if (!listed_before(list, i))
			add_server(s, backend, &list[i]);
}

/* The lists of our own generation, by backend. */
static void
map_members(const struct status *s, struct map *map)
{
	const struct shm_servers *servers = &s->runtime->shm->servers;
	uint32_t n = atomic_load_explicit(servers->nmembers, memory_order_acquire);

	for (uint32_t i = 0; i < n; i++) {
		struct shm_members *m = &servers->members[i];

		if (m->generation == s->runtime->generation && m->backend[0] != '\0')
			map_add(map, str_of(m->backend), m);
	}
}

static void
collect_all_servers(struct status *s)
{
	const struct conf_snapshot *conf = s->runtime->conf;
	const struct shm_servers *servers = &s->runtime->shm->servers;
	struct shm_member *list = mem_zalloc(SHM_MEMBERS, sizeof(list[0]));
	struct map map;

	map_init(&map);
	map_members(s, &map);
	for (unsigned i = 0; i < conf->nbackends; i++) {
		const struct shm_members *members = map_get(&map, conf->backends[i]->name);

		if (members == NULL)
			continue;
		s->backends[i].queue = shm_group_queued(&servers->groups[members->group]);
		collect_servers(s, conf->backends[i], members, list);
	}
	map_fini(&map);
	mem_free(list);
}

/* Those that this process has; every worker has the same. */
static void
collect_certificates(struct status *s)
{
	const struct conf_snapshot *conf = s->runtime->conf;

	s->certificates = mem_zalloc(conf->ncertificates, sizeof(s->certificates[0]));
	for (unsigned i = 0; i < conf->ncertificates; i++) {
		const struct tls_cert *cert = tls_store_get(s->runtime->certs, i);

		if (cert == NULL)
			continue;
		s->certificates[s->ncertificates++] = (struct status_certificate){
			.path = conf->certificates[i]->cert_path,
			.key_path = conf->certificates[i]->key_path,
			.key_type = tls_cert_key_type(cert),
			.subject = tls_cert_subject(cert),
			.expires_wall_ms = tls_cert_not_after_wall_ms(cert),
		};
	}
}

void
status_init(struct status *s, const struct runtime *rt)
{
	*s = (struct status){ .runtime = rt };
	collect_workers(s);
	collect_rows(s);
	collect_all_servers(s);
	collect_certificates(s);
}

void
status_fini(struct status *s)
{
	mem_free(s->workers);
	mem_free(s->listens);
	mem_free(s->routes);
	mem_free(s->backends);
	mem_free(s->servers);
	mem_free(s->certificates);
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
