/*
 * worker.c - the life of a worker process.
 *
 * A worker needs no master: when that dies, the channel ends and the worker goes on until a new
 * master, or anybody else, sends it SIGQUIT.  Only one that nobody would find ends by itself.
 */
#include "process/worker.h"

#include <sys/resource.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"
#include "net/loop.h"
#include "process/cert_parcel.h"
#include "process/channel.h"
#include "process/daemon.h"
#include "process/descriptors.h"
#include "process/privileges.h"
#include "process/signals.h"
#include "process/tickets.h"
#include "process/title.h"

enum { MESSAGES_MAX = 4 };	/* that are read in a turn */

struct worker {
	const struct worker_start *start;
	struct loop *loop;
	struct watcher channel;
	struct watcher wake;		/* the eventfd of this slot */
	struct signals signals;
	struct timer deadline;		/* of the draining */
	bool draining;
	bool listed;			/* a next master would find this process */
	int error_fd;			/* of the error log; -1: syslog */
};

/* One per process, so that signals and callbacks need no detour. */
static struct worker self;

static void
tell_master(enum channel_kind kind)
{
	struct message m = { .kind = kind, .fd = -1 };

	if (self.channel.fd != -1 && channel_send(self.channel.fd, &m) == -1)
		log_warn("channel: %m");
}

static void
drain(msec timeout_ms)
{
	msec deadline = timeout_ms == CONF_OFF ? TIMER_NEVER : clock_ms() + timeout_ms;

	if (self.draining) {
		/* Asked again: the shorter time counts. */
		if (deadline < self.deadline.deadline_ms)
			loop_timer_set(self.loop, &self.deadline, deadline);
		return;
	}
	self.draining = true;
	loop_timer_set(self.loop, &self.deadline, deadline);
	proxy_drain(self.start->config->proxy);
}

static void
on_deadline(struct timer *t)
{
	(void)t;
	log_notice("worker %u: time is over, ending the last connections", self.start->index);
	loop_stop(self.loop);
}

static void
on_drained(void *arg)
{
	(void)arg;
	loop_stop(self.loop);
}

static void
on_signal(struct signals *s, int signo)
{
	(void)s;
	switch (signo) {
	case SIGQUIT:
		if (!self.draining)
			tell_master(CHANNEL_LEAVING);
		drain(self.start->config->snapshot->global.shutdown_timeout_ms);
		break;
	case SIGTERM:
		tell_master(CHANNEL_LEAVING);
		loop_stop(self.loop);
		break;
	default:
		/* Meant for the master; a terminal sends SIGINT to all of a group. */
		break;
	}
}

static void
take_error_log(int fd)
{
	logs_use(fd);
	if (self.error_fd > STDERR_FILENO)
		close(self.error_fd);
	self.error_fd = fd;
}

/* The master checked it; a worker that cannot use it goes on with the one before. */
static void
take_certificate(unsigned index, int fd)
{
	const struct conf_snapshot *s = self.start->config->snapshot;
	char error[TLS_ERROR_TEXT];
	struct tls_cert *cert;

	if (index >= s->ncertificates)
		return;
	cert = cert_parcel_open(fd, s->certificates[index]->passphrase, error);
	if (cert == NULL) {
		log_error("certificate %s: %s", s->certificates[index]->cert_path.p, error);
		return;
	}
	proxy_set_certificate(self.start->config->proxy, index, cert);
	tls_cert_unref(cert);
}

static void
on_message(const struct message *m)
{
	const struct conf_snapshot *s = self.start->config->snapshot;

	switch (m->kind) {
	case CHANNEL_DRAIN:
		drain(s->global.drain_timeout_ms);
		break;
	case CHANNEL_QUIT:
		drain(s->global.shutdown_timeout_ms);
		break;
	case CHANNEL_STOP:
		loop_stop(self.loop);
		break;
	case CHANNEL_LISTED:
		self.listed = true;
		break;
	case CHANNEL_LOG:
		if (m->fd != -1 && m->index < s->nlogs)
			proxy_set_log(self.start->config->proxy, m->index, m->fd);
		else if (m->fd != -1)
			close(m->fd);
		break;
	case CHANNEL_ERROR_LOG:
		if (m->fd != -1)
			take_error_log(m->fd);
		break;
	case CHANNEL_CERTIFICATE:
		if (m->fd != -1) {
			take_certificate(m->index, m->fd);
			close(m->fd);
		}
		break;
	default:
		if (m->fd != -1)
			close(m->fd);
		break;
	}
}

static void
on_master_gone(void)
{
	const struct conf_global *g = &self.start->config->snapshot->global;

	if (self.listed) {
		log_warn("worker %u: the master is gone, going on without it", self.start->index);
		return;
	}
	/* The next one could not start, as we would keep its addresses for ever. */
	log_warn("worker %u: the master is gone before it could list this worker: ending",
	    self.start->index);
	drain(g->shutdown_timeout_ms);
}

static void
on_channel(struct watcher *w)
{
	struct message m;

	/* A certificate takes a while, and there may be thousands: clients have their turn between
	 * them. */
	for (int n = 0; w->fd != -1; n++) {
		if (n == MESSAGES_MAX) {
			loop_yield(self.loop, w);
			return;
		}
		switch (channel_receive(w->fd, &m)) {
		case CHANNEL_MESSAGE:
			on_message(&m);
			break;
		case CHANNEL_EMPTY:
			w->ready = 0;
			return;
		case CHANNEL_CLOSED:
			loop_close(self.loop, w);
			on_master_gone();
			return;
		}
	}
}

/* Everything else of the master is closed: sockets of other workers, its own pid file and loop. */
static int
keep_descriptors(const struct worker_start *start)
{
	struct descriptors d = { NULL, 0 };
	int others[] = { log_syslog_fd(), daemon_null_fd() };
	const int *roots;
	unsigned nroots = proxy_descriptors(start->config->proxy, &roots);

	descriptors_keep(&d, start->listeners->fds, start->listeners->n);
	descriptors_keep(&d, start->logs->fds, start->logs->n);
	descriptors_keep(&d, &start->logs->error_fd, 1);
	descriptors_keep(&d, others, ARRAY_LEN(others));
	descriptors_keep(&d, roots, nroots);
	descriptors_keep(&d, start->shm->core.wake_fds, SHM_WORKERS);
	descriptors_keep(&d, &start->channel, 1);
	if (descriptors_close_others(&d) == -1) {
		log_error("close_range: %m");
		return -1;
	}
	return 0;
}

/* The worker with this index goes to the CPU with this place among those that may be used. */
static void
pin_to_cpu(unsigned index)
{
	cpu_set_t usable, one;
	int count, cpu;

	if (sched_getaffinity(0, sizeof(usable), &usable) == -1 || CPU_COUNT(&usable) == 0) {
		log_warn("worker_cpu_affinity: %m");
		return;
	}
	count = (int)(index % (unsigned)CPU_COUNT(&usable));
	for (cpu = 0; !CPU_ISSET(cpu, &usable) || count-- > 0; cpu++)
		;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) == -1)
		log_warn("worker_cpu_affinity: cpu %d: %m", cpu);
}

static void
place(const struct worker_start *start)
{
	const struct conf_global *g = &start->config->snapshot->global;
	char name[16];

	snprintf(name, sizeof(name), "usherd/%u", start->index);
	title_set(name, "usherd: worker %u, generation %u", start->index, start->generation);
	if (g->worker_cpu_affinity)
		pin_to_cpu(start->index);
	if (g->worker_priority != 0 && setpriority(PRIO_PROCESS, 0, g->worker_priority) == -1)
		log_warn("worker_priority %d: %m", g->worker_priority);
}

static void
on_wake(struct watcher *w)
{
	uint64_t count;

	/* Before looking: a change during the look wakes once more. */
	if (read(w->fd, &count, sizeof(count)) == -1 && errno != EAGAIN)
		log_warn("wake: %m");
	w->ready = 0;
	proxy_wake(self.start->config->proxy);
}

static int
open_loop(const struct worker_start *start)
{
	self.loop = loop_new();
	if (self.loop == NULL) {
		log_error("epoll: %m");
		return -1;
	}
	timer_init(&self.deadline, on_deadline);
	watcher_init(&self.channel, on_channel);
	watcher_init(&self.wake, on_wake);
	if (loop_watch(self.loop, &self.channel, start->channel) == -1 ||
	    loop_watch(self.loop, &self.wake, start->shm->core.wake_fds[start->slot]) == -1 ||
	    signals_watch(&self.signals, self.loop, on_signal) == -1) {
		log_error("epoll: %m");
		return -1;
	}
	return 0;
}

static int
start_proxy(const struct worker_start *start)
{
	struct proxy_env env = {
		.loop = self.loop,
		.shm = start->shm,
		.slot = start->slot,
		.max_connections = start->max_connections,
		.listen_fds = start->listeners->fds,
		.nlisten_fds = start->listeners->n,
		.log_fds = start->logs->fds,
		.certs = start->config->certificates.store,
		.drained = on_drained,
	};

	tickets_use(&start->shm->core, start->config->snapshot->tls_ticket_secret);
	return proxy_start(start->config->proxy, &env);
}

_Noreturn void
worker_run(const struct worker_start *start)
{
	const struct config *c = start->config;

	self = (struct worker){ .start = start, .error_fd = start->logs->error_fd };
	/* The master still writes to the log of the generation before. */
	logs_use(self.error_fd);
	log_set_level(c->log_level);
	if (keep_descriptors(start) == -1)
		_exit(WORKER_FAILED);
	clock_update();
	rng_init();
	place(start);
	if (privileges_drop(&c->identity, c->snapshot->global.chroot) == -1 ||
	    open_loop(start) == -1 || start_proxy(start) == -1)
		_exit(WORKER_FAILED);
	log_also_stderr(!daemon_in_background());
	daemon_detach(logs_go_to(c->snapshot, LOG_TARGET_STDOUT),
	    logs_go_to(c->snapshot, LOG_TARGET_STDERR));
	tell_master(CHANNEL_READY);
	loop_run(self.loop);
	proxy_stop(c->proxy);
	/* The master's memory, which is still there, is not this process's to free. */
	exit(EXIT_SUCCESS);
}
