/*
 * proxy.c - the proxy as processes see it: built in the master, run in a worker.
 */
#include "proxy/proxy.h"

#include <stdio.h>

#include "base/check.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/balance/backend.h"
#include "proxy/balance/hash_keys.h"
#include "proxy/balance/sticky.h"
#include "proxy/bucket/bucket.h"
#include "proxy/explain/explain.h"
#include "proxy/files/files.h"
#include "proxy/filter/headers.h"
#include "proxy/forward/mirror.h"
#include "proxy/fetch/retry_budget.h"
#include "proxy/front.h"
#include "proxy/log/access_log.h"
#include "proxy/route/route.h"
#include "proxy/runtime.h"
#include "proxy/servers/checks.h"
#include "proxy/servers/members.h"
#include "proxy/servers/overrides.h"
#include "proxy/tls/certificates.h"
#include "proxy/tls/sites.h"
#include "proxy/tls/tls_backends.h"

struct proxy {
	const struct conf_snapshot *conf;
	struct router *router;
	struct headers *headers;
	struct hash_keys *hash_keys;
	struct sites *sites;
	struct files *files;
	struct tls_client **tls_clients;	/* by backend index */
	const struct tls_store *certs;		/* the master's, for those that come */
	struct access_log **logs;
	struct conf_strs redact;	/* all names that a log hides */
	struct members *members;	/* lists and rows in shared memory; after proxy_publish() */

	/* In a worker. */
	struct runtime runtime;
	struct front *front;
	void (*drained)(void *arg);
	void *arg;
	struct task drained_task;
	struct timer look;
	msec next_look_ms;
};

/* Places are freed often, and there may be many backends, so that not each wake-up looks at all;
 * requests look for themselves. */
enum {
	LOOK_MS = 100,
	TRIM_MS = 2000,			/* a flood ends in many small steps */
};

/* The error log has requests of all routes: it hides what any access log hides. */
static void
make_logs(struct proxy *p, const struct capture_names *names, struct conf_errors *errors)
{
	const struct conf_snapshot *conf = p->conf;
	unsigned n = 0;

	p->logs = mem_zalloc(conf->nlogs, sizeof(struct access_log *));
	for (unsigned i = 0; i < conf->nlogs; i++) {
		p->logs[i] = access_log_new(conf->logs[i], names, errors);
		n += conf->logs[i]->redact.n;
	}
	p->redact.v = mem_zalloc(n, sizeof(struct str));
	for (unsigned i = 0; i < conf->nlogs; i++)
		for (unsigned k = 0; k < conf->logs[i]->redact.n; k++)
			p->redact.v[p->redact.n++] = conf->logs[i]->redact.v[k];
}

struct proxy *
proxy_build(const struct conf_snapshot *snapshot, const struct tls_store *certs,
    struct conf_errors *errors)
{
	struct capture_names *names = capture_names_new();
	struct proxy *p = MEM_NEW(struct proxy);

	p->conf = snapshot;
	p->router = router_new(snapshot, names, errors);
	p->headers = headers_new(snapshot, names, errors);
	p->hash_keys = hash_keys_new(snapshot, errors);
	p->sites = sites_new(snapshot, errors);
	p->files = files_new(snapshot, names, errors);
	p->certs = certs;
	p->tls_clients = tls_backends_new(snapshot, certs, errors);
	certificates_check(snapshot, certs, errors);
	make_logs(p, names, errors);
	capture_names_free(names);
	if (conf_errors_count(errors) > 0) {
		proxy_free(p);
		return NULL;
	}
	return p;
}

static void
free_runtime(struct proxy *p)
{
	struct runtime *rt = &p->runtime;

	if (rt->loop == NULL)
		return;
	front_close(p->front);
	mirror_stop(rt);
	for (unsigned i = 0; rt->backends != NULL && i < p->conf->nbackends; i++)
		backend_free(rt->backends[i]);
	mem_free(rt->backends);
	mem_free(rt->members);
	mem_free(rt->retry_budgets);
	mem_free(rt->bucket_trust);
	sticky_free(rt->sticky);
	mem_free(rt->listen_cells);
}

void
proxy_free(struct proxy *p)
{
	if (p == NULL)
		return;
	free_runtime(p);
	for (unsigned i = 0; i < p->conf->nlogs; i++)
		access_log_free(p->logs[i]);
	mem_free(p->logs);
	mem_free(p->redact.v);
	members_free(p->members);
	tls_backends_free(p->tls_clients, p->conf->nbackends);
	hash_keys_free(p->hash_keys);
	headers_free(p->headers);
	sites_free(p->sites);
	files_free(p->files);
	router_free(p->router);
	mem_free(p);
}

unsigned
proxy_descriptors(const struct proxy *p, const int **fds)
{
	return files_fds(p->files, fds);
}

static void
look_for_https(void *arg, const struct conf_server *server)
{
	bool *found = arg;

	if (server->scheme == SCHEME_HTTPS)
		*found = true;
}

/* A configuration without a control socket may still follow one with. */
static bool
prepare_added(struct proxy *p, const struct overrides *overrides)
{
	for (unsigned i = 0; i < p->conf->nbackends; i++) {
		bool found = false;

		if (p->tls_clients[i] != NULL)
			continue;
		overrides_each_added(overrides, p->conf->backends[i]->name, look_for_https, &found);
		if (found && !tls_backends_add(p->tls_clients, p->conf, i, p->certs))
			return false;
	}
	return true;
}

int
proxy_publish(struct proxy *p, const struct proxy_servers *from, uint32_t generation)
{
	if (!prepare_added(p, from->overrides))
		return -1;
	p->members = members_publish(p->conf, from, p->tls_clients, generation);
	if (p->members == NULL)
		return -1;
	router_set_metrics(p->router, &from->shm->metrics, p->members->route_rows);
	return 0;
}

void
proxy_update(struct proxy *p, const struct proxy_servers *from, bool newest)
{
	members_update(p->members, p->conf, from, newest);
}

const struct shm_members *
proxy_members(const struct proxy *p, const struct proxy_shm *shm, unsigned backend)
{
	return &shm->servers.members[p->members->lists[backend]];
}

void
proxy_check(const struct proxy *p, struct checks *checks)
{
	checks_use(checks, p->conf, p->members, p->tls_clients);
}

static void
tell_drained(struct task *t)
{
	struct proxy *p = CONTAINER_OF(t, struct proxy, drained_task);

	p->drained(p->arg);
}

void
runtime_check_drained(struct runtime *rt)
{
	struct proxy *p = CONTAINER_OF(rt, struct proxy, runtime);

	if (rt->draining && rt->nconnections == 0)
		loop_post(rt->loop, &p->drained_task);
}

static void
on_trim(struct timer *t)
{
	(void)t;
	mem_trim();
}

void
runtime_freed(struct runtime *rt)
{
	if (rt->trim.deadline_ms == TIMER_NEVER)
		loop_timer_set(rt->loop, &rt->trim, clock_ms() + TRIM_MS);
}

struct metrics_cell *
runtime_route_cell(const struct runtime *rt, const struct route *route)
{
	if (route == NULL || rt->shm == NULL)
		return rt->no_route_cell;
	return metrics_cell_at(&rt->shm->metrics, route->cell, rt->slot);
}

static void
make_cells(struct proxy *p)
{
	struct runtime *rt = &p->runtime;
	const struct conf_snapshot *c = p->conf;
	const struct members *m = p->members;

	rt->listen_cells = mem_zalloc(c->nlistens, sizeof(struct metrics_cell *));
	for (unsigned i = 0; i < c->nlistens; i++)
		rt->listen_cells[i] = metrics_cell(&rt->shm->metrics, m->listen_rows[i], rt->slot);
	rt->no_route_cell = metrics_cell(&rt->shm->metrics, m->route_rows[c->nroutes], rt->slot);
}

static void
make_backends(struct proxy *p)
{
	struct runtime *rt = &p->runtime;
	const struct backend_env env = {
		.loop = rt->loop,
		.servers = &rt->shm->servers,
		.core = &rt->shm->core,
		.metrics = &rt->shm->metrics,
		.worker = rt->slot,
		.tls = p->tls_clients,
		.pool = &rt->pool,
		.queues = &rt->queues,
	};

	rt->backends = mem_zalloc(p->conf->nbackends, sizeof(struct backend *));
	rt->members = mem_zalloc(p->conf->nbackends, sizeof(struct shm_members *));
	for (unsigned i = 0; i < p->conf->nbackends; i++) {
		struct shm_members *list = &rt->shm->servers.members[p->members->lists[i]];

		rt->members[i] = list;
		rt->backends[i] = backend_new(p->conf->backends[i], list,
		    p->members->backend_rows[i], &env);
	}
	rt->retry_budgets = mem_zalloc(p->conf->nbackends, sizeof(struct retry_budget));
	rt->bucket_trust = mem_zalloc(p->conf->nbuckets, sizeof(struct bucket_trust));
	rt->sticky = sticky_new(p->conf, &rt->shm->core);
}

static void
on_look(struct timer *t)
{
	struct proxy *p = CONTAINER_OF(t, struct proxy, look);

	p->next_look_ms = clock_ms() + LOOK_MS;
	for (unsigned i = 0; i < p->conf->nbackends; i++)
		backend_look(p->runtime.backends[i]);
}

int
proxy_start(struct proxy *p, const struct proxy_env *env)
{
	struct runtime *rt = &p->runtime;

	*rt = (struct runtime){
		.conf = p->conf,
		.router = p->router,
		.headers = p->headers,
		.hash_keys = p->hash_keys,
		.sites = p->sites,
		.certs = env->certs,
		.files = p->files,
		.loop = env->loop,
		.shm = env->shm,
		.self = &env->shm->core.data->workers[env->slot],
		.slot = env->slot,
		.max_connections = env->max_connections != 0 ? env->max_connections :
		    p->conf->global.max_connections,
		.logs = p->logs,
		.redact = p->redact,
	};
	timer_init(&rt->trim, on_trim);
	link_init(&rt->exchanges);
	link_init(&rt->mirrors);
	link_init(&rt->queues);
	link_init(&rt->pool.idle);
	rt->pool.max = rt->max_connections;
	p->drained = env->drained;
	p->arg = env->arg;
	task_init(&p->drained_task, tell_drained);
	timer_init(&p->look, on_look);
	sites_use(p->sites, env->certs);
	files_start(p->files);
	make_cells(p);
	make_backends(p);
	for (unsigned i = 0; i < p->conf->nlogs; i++)
		access_log_start(p->logs[i], env->loop, env->log_fds[i]);
	p->front = front_open(rt, env);
	return p->front != NULL ? 0 : -1;
}

void
proxy_drain(struct proxy *p)
{
	struct runtime *rt = &p->runtime;

	rt->draining = true;
	front_stop(p->front);
	runtime_check_drained(rt);
}

void
proxy_wake(struct proxy *p)
{
	struct runtime *rt = &p->runtime;

	queue_run_all(&rt->queues);
	if (p->look.deadline_ms == TIMER_NEVER)
		loop_timer_set(rt->loop, &p->look,
		    p->next_look_ms > clock_ms() ? p->next_look_ms : clock_ms());
}

void
proxy_set_log(struct proxy *p, unsigned index, int fd)
{
	access_log_reopen(p->logs[index], fd);
}

void
proxy_set_certificate(struct proxy *p, unsigned index, struct tls_cert *cert)
{
	tls_store_set(p->runtime.certs, index, cert);
	proxy_renew_servers(p, index, cert);
}

void
proxy_renew_servers(struct proxy *p, unsigned index, struct tls_cert *cert)
{
	tls_backends_renew(p->tls_clients, p->conf, index, cert);
}

int
proxy_explain(struct proxy *p, struct tls_store *certs, const struct explain_question *q,
    struct buf *out)
{
	struct shm_worker self = { .pid = 0 };
	struct runtime rt = {
		.conf = p->conf,
		.router = p->router,
		.headers = p->headers,
		.sites = p->sites,
		.certs = certs,
		.loop = loop_new(),	/* never run: for the timers of filters */
		.self = &self,
		.dry = true,
	};
	int status;

	if (rt.loop == NULL)
		return -1;
	link_init(&rt.exchanges);
	sites_use(p->sites, certs);
	status = explain_run(&rt, q, out);
	loop_free(rt.loop);
	return status;
}

void
proxy_stop(struct proxy *p)
{
	for (unsigned i = 0; i < p->conf->nlogs; i++)
		access_log_flush(p->logs[i]);
}
