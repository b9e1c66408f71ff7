/*
 * master.c - the process that reads the configuration, holds the sockets and keeps workers alive.
 */
#include "process/master.h"

#include <sys/wait.h>

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "process/child.h"
#include "process/daemon.h"
#include "process/master_internal.h"
#include "process/notify.h"
#include "process/orphans.h"
#include "process/title.h"
#include "proxy/servers/members.h"

enum {
	TICK_MS = 1000,
	END_PATIENCE_MS = 15000,	/* after the last worker should be gone */
};

/* ---- the end */

static void
end_if_empty(struct master *m)
{
	if (m->state == MASTER_ENDING && link_empty(&m->generations))
		loop_stop(m->loop);
}

/* Nothing is accepted any more, so that a new usherd can have the addresses. */
static void
close_listeners(struct master *m)
{
	master_close_control(m);
	listeners_give(&m->parked);
	LIST_EACH(link, &m->generations)
		listeners_give(&CONTAINER_OF(link, struct generation, link)->listeners);
}

static void
begin_end(struct master *m, msec patience_ms)
{
	if (m->state != MASTER_ENDING)
		notify_send("STOPPING=1\n");
	m->state = MASTER_ENDING;
	m->current = NULL;
	m->next = NULL;
	m->reload_again = false;
	config_free(m->pending);
	m->pending = NULL;
	loop_timer_cancel(m->loop, &m->retry);
	loop_timer_set(m->loop, &m->deadline,
	    patience_ms == CONF_OFF ? TIMER_NEVER : clock_ms() + patience_ms + END_PATIENCE_MS);
}

void
master_stop(struct master *m, int status)
{
	if (status != EXIT_SUCCESS)
		m->status = status;
	begin_end(m, 0);
	LIST_EACH(link, &m->generations)
		generation_stop(CONTAINER_OF(link, struct generation, link));
	close_listeners(m);
	end_if_empty(m);
}

static void
quit(struct master *m)
{
	msec longest = 0;

	LIST_EACH(link, &m->generations) {
		struct generation *g = CONTAINER_OF(link, struct generation, link);
		msec timeout = g->config->snapshot->global.shutdown_timeout_ms;

		if (timeout > longest)
			longest = timeout;
		generation_drain(g, CHANNEL_QUIT);
	}
	begin_end(m, longest);
	close_listeners(m);
	end_if_empty(m);
}

/* Even SIGKILL did not help: a process hangs in the kernel. */
static void
on_deadline(struct timer *t)
{
	struct master *m = CONTAINER_OF(t, struct master, deadline);

	log_error("workers are left that cannot be ended");
	m->status = EXIT_FAILURE;
	loop_stop(m->loop);
}

/* ---- what generations say */

/* Only the admin pages show it. */
static void
look_at_usage(struct master *m)
{
	if (m->current != NULL && m->current->config->snapshot->admin.nbinds > 0)
		usage_look(&m->usage, &m->shm.core);
}

static void
on_generation_ready(void *arg, struct generation *g)
{
	struct master *m = arg;
	struct generation *before = m->current;

	if (g != m->next)
		return;
	m->next = NULL;
	m->current = g;
	master_apply(m, g);
	master_servers_changed(m);
	look_at_usage(m);
	if (m->state == MASTER_STARTING)
		master_started(m);
	else
		master_reloaded(m, before);
}

static void
on_generation_failed(void *arg, struct generation *g)
{
	struct master *m = arg;

	/* Workers that did start may have taken connections already. */
	generation_drain(g, CHANNEL_QUIT);
	listeners_give(&g->listeners);
	if (g != m->next)
		return;
	m->next = NULL;
	if (m->state == MASTER_STARTING)
		master_start_failed(m);
	else
		master_reload_failed(m);
}

static void
on_generation_ended(void *arg, struct generation *g)
{
	struct master *m = arg;

	log_info("generation %u has ended", g->number);
	if (g == m->current)
		m->current = NULL;
	generation_free(g);
	master_servers_changed(m);
	end_if_empty(m);
}

static const struct generation_events generation_events = {
	.ready = on_generation_ready,
	.failed = on_generation_failed,
	.ended = on_generation_ended,
};

static void
end_oldest(void *arg)
{
	struct master *m = arg;

	LIST_EACH(link, &m->generations) {
		struct generation *g = CONTAINER_OF(link, struct generation, link);

		if (g->state != GENERATION_ENDING)
			continue;
		if (!g->stopped)
			log_warn("no free slots for workers: ending generation %u early",
			    g->number);
		generation_stop(g);
		return;
	}
}

static void
workers_changed(void *arg)
{
	struct master *m = arg;

	loop_post(m->loop, &m->changed);
}

static void
write_workers(struct task *t)
{
	struct master *m = CONTAINER_OF(t, struct master, changed);
	struct child *children[SHM_WORKERS];
	pid_t pids[SHM_WORKERS] = { 0 };
	size_t n = 0;

	LIST_EACH(link, &m->generations) {
		struct generation *g = CONTAINER_OF(link, struct generation, link);

		LIST_EACH(child, &g->children) {
			if (n == ARRAY_LEN(pids))
				break;
			children[n] = CONTAINER_OF(child, struct child, link);
			pids[n] = children[n]->pid;
			n++;
		}
	}
	/* Without a pid file nobody looks for them: they go on all the same.  Those that could not
	 * be listed must not outlive the master, as the next one would not find them. */
	if (m->pidfile.path != NULL && orphans_list(m->pidfile.path, pids, n) == -1)
		return;
	for (size_t i = 0; i < n; i++)
		child_tell_listed(children[i]);
}

/* ---- signals */

static void
reap(struct master *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		LIST_EACH(link, &m->generations) {
			struct generation *g = CONTAINER_OF(link, struct generation, link);

			if (generation_reap(g, pid, status))
				break;
		}
	}
}

static void
reopen_logs(struct master *m)
{
	struct generation *newest = m->current;

	log_notice("reopening logs");
	LIST_EACH(link, &m->generations) {
		struct generation *g = CONTAINER_OF(link, struct generation, link);

		(void)generation_reopen_logs(g);
		if (m->current == NULL)
			newest = g;
	}
	if (newest != NULL)
		master_use_log(m, newest->logs.error_fd);
}

/* The sockets stay open, so that connections wait for the workers that a reload brings. */
static void
drain_workers(struct master *m)
{
	if (m->state != MASTER_RUNNING || m->next != NULL || m->pending != NULL) {
		log_warn("SIGWINCH: nothing to drain, or not now");
		return;
	}
	log_notice("draining the workers; the master stays");
	m->state = MASTER_DRAINED;
	m->parked = m->current->listeners;
	m->current->listeners = (struct listener_set){ .n = 0 };
	generation_drain(m->current, CHANNEL_QUIT);
	m->current = NULL;
	notify_send("STATUS=drained\n");
}

static void
on_signal(struct signals *s, int signo)
{
	struct master *m = CONTAINER_OF(s, struct master, signals);
	/* Nobody is served yet whom a graceful stop could wait for. */
	bool early = signo == SIGQUIT && m->state == MASTER_STARTING;

	if (signo == SIGCHLD) {
		reap(m);
	} else if (signo == SIGTERM || signo == SIGINT || early) {
		log_notice("%s: stopping", signal_name(signo));
		/* Whoever started a daemon waits to hear that it serves, and it will not. */
		master_stop(m, m->state == MASTER_STARTING && daemon_in_background() ?
		    EXIT_FAILURE : EXIT_SUCCESS);
	} else if (m->state == MASTER_STARTING || m->state == MASTER_ENDING) {
		log_warn("%s: ignored while %s", signal_name(signo),
		    m->state == MASTER_STARTING ? "starting" : "ending");
	} else if (signo == SIGQUIT) {
		log_notice("quitting: the workers finish what they do");
		quit(m);
	} else if (signo == SIGHUP) {
		master_reload(m);
	} else if (signo == SIGUSR1) {
		reopen_logs(m);
	} else if (signo == SIGWINCH) {
		drain_workers(m);
	} else if (signo == SIGUSR2) {
		log_warn("upgrade is not available in this version");
	}
}

/* ---- the beginning */

static void
on_retry(struct timer *t)
{
	master_start(CONTAINER_OF(t, struct master, retry));
}

static void
on_tick(struct timer *t)
{
	struct master *m = CONTAINER_OF(t, struct master, tick);

	shm_servers_correct(&m->shm.servers);
	members_sweep(&m->shm);
	look_at_usage(m);
	loop_timer_set(m->loop, t, clock_ms() + TICK_MS);
}

static int
open_master(struct master *m)
{
	timer_init(&m->retry, on_retry);
	timer_init(&m->tick, on_tick);
	timer_init(&m->deadline, on_deadline);
	task_init(&m->changed, write_workers);
	task_init(&m->servers_task, master_follow_servers);
	m->loop = loop_new();
	if (m->loop == NULL || signals_watch(&m->signals, m->loop, on_signal) == -1) {
		log_error("epoll: %m");
		return -1;
	}
	loop_forks(m->loop);
	if (master_open_servers(m) == -1)
		return -1;
	master_open_control(m);
	m->env = (struct generation_env){
		.loop = m->loop,
		.shm = &m->shm,
		.servers = &m->servers,
		.events = &generation_events,
		.pace = &m->pace,
		.changed = workers_changed,
		.no_slot = end_oldest,
		.arg = m,
	};
	return 0;
}

static void
close_master(struct master *m)
{
	/* Those that could not be ended keep what they have. */
	LIST_EACH(link, &m->generations) {
		struct generation *g = CONTAINER_OF(link, struct generation, link);

		certificates_give(&g->config->certificates);
		link_remove(link);
	}
	if (m->loop != NULL) {
		task_cancel(&m->changed);
		control_free(m->control);
		master_close_servers(m);
		watch_close(&m->watch);
		loop_timer_cancel(m->loop, &m->look_on);
		loop_close(m->loop, &m->signals.watcher);
		loop_free(m->loop);
	}
	master_release(m);
}

int
master_run(const struct options *o, struct certificates *certificates, struct config *first,
    int inherited)
{
	struct master m = {
		.options = o,
		.certificates = certificates,
		.first = first,
		.status = EXIT_FAILURE,
		.pidfile.fd = -1,
		.error_fd = STDERR_FILENO,
		.first_logs.error_fd = -1,
		.signals.watcher.fd = -1,
	};

	link_init(&m.generations);
	log_also_stderr(true);
	if (!o->foreground && daemon_start() == -1) {
		log_error("fork: %m");
		config_free(first);
		return EXIT_FAILURE;
	}
	title_set("usherd/master", "usherd: master %s", config_name(o));
	if (master_acquire(&m, inherited) == 0 && open_master(&m) == 0) {
		m.status = EXIT_SUCCESS;
		loop_timer_set(m.loop, &m.tick, clock_ms() + TICK_MS);
		master_watch_certificates(&m);
		master_start(&m);
		/* A start that failed at once has nothing to wait for. */
		if (m.state != MASTER_ENDING || !link_empty(&m.generations))
			loop_run(m.loop);
	}
	close_master(&m);
	return m.status;
}
