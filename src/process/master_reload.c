/*
 * master_reload.c - a new configuration in place of the running one, or nothing at all.
 */
#include "process/master_internal.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "process/limits.h"
#include "process/notify.h"

/* Of the master itself and of every worker: segments, logs, loop, channel, and some to spare. */
enum { SPARE_DESCRIPTORS = 64 };

struct generation *
master_begin(struct master *m, struct config *c, struct listener_set *set, struct logs *logs)
{
	const int *roots;
	unsigned others = SHM_WORKERS + SPARE_DESCRIPTORS + set->n + logs->n +
	    proxy_descriptors(c->proxy, &roots);
	const struct conf_global *global = &c->snapshot->global;
	unsigned fit = limits_fit(global->max_connections, others,
	    global->max_connections_written);
	struct generation *g = generation_new(&m->env, ++m->last_number, c, set, logs, fit);

	if (generation_start(g) == -1) {
		generation_free(g);
		return NULL;
	}
	list_append(&m->generations, &g->link);
	return g;
}

void
master_use_log(struct master *m, int error_fd)
{
	int old = m->error_fd;

	/* A copy, as the generation may end before the last line is written. */
	if (error_fd > STDERR_FILENO) {
		error_fd = fcntl(error_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		if (error_fd == -1) {
			log_error("error log: %m");
			return;
		}
	}
	m->error_fd = error_fd;
	logs_use(error_fd);
	if (old > STDERR_FILENO)
		close(old);
}

void
master_apply(struct master *m, const struct generation *g)
{
	struct shm_core_data *data = m->shm.core.data;

	log_set_level(g->config->log_level);
	master_use_log(m, g->logs.error_fd);
	atomic_store(&data->generation, g->number);
	atomic_store(&data->loaded_wall_ms, (uint64_t)clock_wall_ms());
	master_use_control(m, g);
}

static void
tell_running(const struct master *m)
{
	if (m->current != NULL)
		notify_send("READY=1\nSTATUS=serving, generation %u\n", m->current->number);
	else
		notify_send("READY=1\nSTATUS=drained\n");
}

static void
count_failure(struct master *m)
{
	atomic_fetch_add(&m->shm.core.data->reload_failures, 1);
	log_error("reload failed: %s", m->current != NULL ?
	    "all goes on with the configuration before" : "there are no workers still");
	tell_running(m);
	master_reload_ends(m, false);
}

static void
warn_of_fixed(const struct master *m, const struct config *c)
{
	const char *path = config_pid_file(c), *ours = m->pidfile.path;

	if (path != NULL && ours != NULL && strcmp(path, ours) != 0)
		log_warn("pid_file: it stays %s until usherd is started anew", ours);
}

/* Opens everything the configuration needs and forks; false after an error line. */
static bool
try_reload(struct master *m, struct config *c)
{
	const struct conf_bind *failed;
	struct listener_set set;
	struct logs logs;

	if (listeners_take(&m->listeners, c->snapshot, &set, &failed) == -1) {
		listeners_say_failed(failed);
		goto fail;
	}
	if (logs_open(&logs, c->snapshot) == -1) {
		listeners_give(&set);
		goto fail;
	}
	warn_of_fixed(m, c);
	m->next = master_begin(m, c, &set, &logs);
	return m->next != NULL;

fail:
	config_free(c);
	return false;
}

static void
reload_if_asked(struct master *m)
{
	if (!m->reload_again)
		return;
	m->reload_again = false;
	master_reload(m);
}

/* The names of the new configuration are known, or had their chance. */
static void
go_on(void *arg)
{
	struct master *m = arg;
	struct config *c = m->pending;

	m->pending = NULL;
	if (c == NULL || try_reload(m, c))
		return;
	count_failure(m);
	master_servers_changed(m);
	reload_if_asked(m);
}

bool
master_reloading(const struct master *m)
{
	return m->next != NULL || m->pending != NULL;
}

void
master_reload(struct master *m)
{
	if (master_reloading(m)) {
		m->reload_again = true;
		log_notice("reload: another one is under way, then comes this one");
		return;
	}
	log_notice("reload: reading the configuration %s", config_name(m->options));
	notify_reloading();
	master_reload_begins(m);
	m->pending = config_load(m->options, m->certificates, CONFIG_LOGGED);
	/* Whatever comes of the rest, a renewed certificate is fit for those that use it. */
	master_certificates_changed(m);
	if (m->pending != NULL)
		master_await_names(m, m->pending, go_on);
	else
		count_failure(m);
}

void
master_reloaded(struct master *m, struct generation *before)
{
	m->state = MASTER_RUNNING;
	atomic_fetch_add(&m->shm.core.data->reloads, 1);
	log_notice("reload: generation %u serves with %u worker%s", m->current->number,
	    m->current->nplaces, m->current->nplaces == 1 ? "" : "s");
	listeners_give(&m->parked);
	if (before != NULL) {
		generation_drain(before, CHANNEL_DRAIN);
		listeners_give(&before->listeners);
	}
	tell_running(m);
	master_reload_ends(m, true);
	reload_if_asked(m);
}

void
master_reload_failed(struct master *m)
{
	count_failure(m);
	reload_if_asked(m);
}
