/*
 * master_start.c - from a checked configuration to the first generation that serves.
 */
#include "process/master_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "process/daemon.h"
#include "process/notify.h"
#include "process/version.h"

enum { BIND_RETRY_MS = 50 };

/* What orphaned workers still hold is free when they have closed it: they were told to. */
static bool
wait_for_address(struct master *m, int error)
{
	if (error != EADDRINUSE || m->orphans == 0 || clock_ms() >= m->bind_until_ms)
		return false;
	loop_timer_set(m->loop, &m->retry, clock_ms() + BIND_RETRY_MS);
	return true;
}

int
master_open_logs(struct master *m)
{
	if (logs_open(&m->first_logs, m->first->snapshot) == -1)
		return -1;
	master_use_log(m, m->first_logs.error_fd);
	return 0;
}

void
master_start(struct master *m)
{
	const struct conf_bind *failed;
	struct listener_set set;

	if (listeners_take(&m->listeners, m->first->snapshot, &set, &failed) == -1) {
		if (wait_for_address(m, errno))
			return;
		log_error("bind %s: %m", failed->text.p);
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
master_started(struct master *m)
{
	const struct conf_snapshot *s = m->current->config->snapshot;

	m->state = MASTER_RUNNING;
	/* From here on only the foreground has somebody at the other end of standard error. */
	log_also_stderr(!daemon_in_background());
	log_notice("usherd %s is ready: pid %d, %u workers", USHERD_VERSION, (int)getpid(),
	    s->global.workers);
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
