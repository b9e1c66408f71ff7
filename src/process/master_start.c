/*
 * master_start.c - from a checked configuration to the first generation that serves.
 */
#include "process/master_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "process/daemon.h"
#include "process/notify.h"
#include "process/orphans.h"
#include "process/privileges.h"
#include "process/version.h"

enum {
	BIND_RETRY_MS = 50,
	BIND_PATIENCE_MS = 5000,	/* for orphaned workers to let addresses go */
};

/* ---- what is needed once */

static int
open_shm(struct proxy_shm *shm)
{
	if (shm_core_new(&shm->core) == -1)
		return -1;
	if (shm_servers_new(&shm->servers) == -1) {
		shm_core_close(&shm->core);
		return -1;
	}
	if (metrics_new(&shm->metrics) == -1) {
		shm_servers_close(&shm->servers);
		shm_core_close(&shm->core);
		return -1;
	}
	atomic_store(&shm->core.data->master_pid, getpid());
	atomic_store(&shm->core.data->started_wall_ms, (uint64_t)clock_wall_ms());
	atomic_store(&shm->core.data->master_usage.started_wall_ms, (uint64_t)clock_wall_ms());
	return 0;
}

static void
close_shm(struct proxy_shm *shm)
{
	metrics_close(&shm->metrics);
	shm_servers_close(&shm->servers);
	shm_core_close(&shm->core);
}

/* 0, or -1 after an error line.  An ordinary user in the foreground can do without the file. */
static int
take_pidfile(struct master *m)
{
	const char *path = config_pid_file(m->first);
	pid_t owner;

	if (pidfile_open(&m->pidfile, path, &owner) == 0)
		return 0;
	if (errno == EWOULDBLOCK && owner == 0) {
		log_error("%s: another usherd is just starting or ending: it holds %s.lock", path,
		    path);
		return -1;
	}
	if (errno == EWOULDBLOCK) {
		log_error("%s: usherd is running already, pid %d", path, (int)owner);
		return -1;
	}
	if (m->options->foreground && geteuid() != 0 && (errno == EACCES || errno == EROFS)) {
		log_notice("no pid file: %s: %m (choose another path with pid_file, for -s)",
		    path);
		return 0;
	}
	if (errno == EEXIST)
		log_error("pid file %s: %s.lock is no plain file of this user alone (remove it)",
		    path, path);
	else
		log_error("pid file %s: %s (choose another path with pid_file, or off)", path,
		    path_error(errno));
	return -1;
}

static int
open_logs(struct master *m)
{
	if (logs_open(&m->first_logs, m->first->snapshot) == -1)
		return -1;
	log_set_level(m->first->log_level);
	master_use_log(m, m->first_logs.error_fd);
	return 0;
}

static void
quit_orphans(struct master *m)
{
	if (m->pidfile.path == NULL)
		return;
	m->orphans = orphans_quit(m->pidfile.path);
	m->bind_until_ms = clock_ms() + BIND_PATIENCE_MS;
	if (m->orphans > 0)
		log_notice("%u workers of a master that died were told to finish", m->orphans);
}

int
master_acquire(struct master *m, int inherited)
{
	listeners_init(&m->listeners, NOTIFY_FIRST_FD, inherited);
	if (take_pidfile(m) == -1 || open_logs(m) == -1)
		return -1;
	if (open_shm(&m->shm) == -1) {
		log_error("shared memory: %m");
		return -1;
	}
	privileges_trim();
	quit_orphans(m);
	return 0;
}

void
master_release(struct master *m)
{
	config_free(m->first);
	logs_close(&m->first_logs);
	if (m->shm.core.data != NULL)
		close_shm(&m->shm);
	if (m->pidfile.path != NULL && m->status == EXIT_SUCCESS)
		orphans_forget(m->pidfile.path);
	pidfile_close(&m->pidfile);
}

/* ---- the first generation */

/* What orphaned workers still hold is free when they have closed it: they were told to. */
static bool
wait_for_address(struct master *m, int error)
{
	if (error != EADDRINUSE || m->orphans == 0 || clock_ms() >= m->bind_until_ms)
		return false;
	loop_timer_set(m->loop, &m->retry, clock_ms() + BIND_RETRY_MS);
	return true;
}

/* The names of servers are known, or had their chance. */
static void
go_on(void *arg)
{
	struct master *m = arg;
	const struct conf_bind *failed;
	struct listener_set set;

	if (m->state != MASTER_STARTING)
		return;
	if (listeners_take(&m->listeners, m->first->snapshot, &set, &failed) == -1) {
		if (wait_for_address(m, errno))
			return;
		listeners_say_failed(failed);
		master_stop(m, EXIT_FAILURE);
		return;
	}
	listeners_drop_unused(&m->listeners);
	m->next = master_begin(m, m->first, &set, &m->first_logs);
	m->first = NULL;
	if (m->next == NULL)
		master_stop(m, EXIT_FAILURE);
}

void
master_start(struct master *m)
{
	master_await_names(m, m->first, go_on);
}

void
master_started(struct master *m)
{
	const struct conf_snapshot *s = m->current->config->snapshot;

	m->state = MASTER_RUNNING;
	/* From here on only the foreground has somebody at the other end of standard error. */
	log_also_stderr(!daemon_in_background());
	log_notice("usherd %s is ready: pid %d, %u worker%s", USHERD_VERSION, (int)getpid(),
	    s->global.workers, s->global.workers == 1 ? "" : "s");
	notify_send("READY=1\nMAINPID=%d\nSTATUS=serving, generation %u\n", (int)getpid(),
	    m->current->number);
	daemon_detach(logs_go_to(s, LOG_TARGET_STDOUT), logs_go_to(s, LOG_TARGET_STDERR));
	daemon_ready();
}

void
master_start_failed(struct master *m)
{
	log_error("usherd did not start: the workers failed");
	master_stop(m, EXIT_FAILURE);
}
