/*
 * child.c - one worker process as the master sees it.
 */
#include "process/child.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

/* The error log goes first, then the access logs in their order. */
static void
send_next_logs(struct child *c)
{
	while (c->logs != NULL && c->logs_sent < c->logs->n + 1) {
		struct message m = { .kind = CHANNEL_ERROR_LOG, .fd = c->logs->error_fd };

		if (c->logs_sent > 0) {
			m.kind = CHANNEL_LOG;
			m.index = c->logs_sent - 1;
			m.fd = c->logs->fds[m.index];
		}
		/* Standard error is the same in every process. */
		if (m.fd > STDERR_FILENO && channel_send(c->channel.fd, &m) == -1) {
			if (errno == EAGAIN)
				return;		/* goes on when the channel is writable */
			if (errno == EPIPE)
				break;		/* it has just ended: it needs no log */
			log_warn("worker %u (pid %d): cannot pass a log: %m", c->index,
			    (int)c->pid);
			break;
		}
		c->logs_sent++;
	}
	c->logs = NULL;
}

void
child_send_logs(struct child *c, const struct logs *logs)
{
	if (c->channel.fd == -1)
		return;
	c->logs = logs;
	c->logs_sent = 0;
	send_next_logs(c);
}

static int
send_certificate(struct child *c, unsigned index)
{
	struct message m = { .kind = CHANNEL_CERTIFICATE, .index = index };
	int result;

	m.fd = certificate_set_parcel(c->certificates, index);
	if (m.fd == -1) {
		log_warn("worker %u (pid %d): cannot make a parcel of a certificate: %m", c->index,
		    (int)c->pid);
		return -1;
	}
	result = channel_send(c->channel.fd, &m);
	if (result == -1 && errno != EAGAIN && errno != EPIPE)
		log_warn("worker %u (pid %d): cannot pass a certificate: %m", c->index,
		    (int)c->pid);
	close(m.fd);
	return result;
}

/* Where it stops it goes on when the channel is writable, or at the master's next look. */
void
child_send_certificates(struct child *c)
{
	const struct certificate_set *set = c->certificates;
	uint64_t newest = certificates_version(set->all);

	while (c->channel.fd != -1 && c->certificates_seen < newest) {
		if (c->certificates_next == 0)
			c->certificates_now = newest;
		for (; c->certificates_next < set->n; c->certificates_next++) {
			if (certificate_set_changed(set, c->certificates_next,
			    c->certificates_seen) &&
			    send_certificate(c, c->certificates_next) == -1)
				return;
		}
		c->certificates_next = 0;
		c->certificates_seen = c->certificates_now;
	}
}

/* Not by close() alone: a child that is just being forked may still share the socket. */
static void
close_channel(struct child *c)
{
	int fd = c->channel.fd;

	if (fd == -1)
		return;
	loop_unwatch(c->loop, &c->channel);
	close(fd);
}

void
child_hear(struct child *c)
{
	struct message m;

	while (c->channel.fd != -1) {
		switch (channel_receive(c->channel.fd, &m)) {
		case CHANNEL_MESSAGE:
			/* A worker has no descriptor that we would want. */
			if (m.fd != -1)
				close(m.fd);
			if (m.kind == CHANNEL_READY || m.kind == CHANNEL_LEAVING)
				c->on_word(c, m.kind);
			break;
		case CHANNEL_EMPTY:
			c->channel.ready &= (uint8_t)~READY_READ;
			return;
		case CHANNEL_CLOSED:
			close_channel(c);
			return;
		}
	}
}

static void
on_channel(struct watcher *w)
{
	struct child *c = CONTAINER_OF(w, struct child, channel);

	if ((w->ready & READY_WRITE) != 0) {
		send_next_logs(c);
		child_send_certificates(c);
	}
	child_hear(c);
}

static struct child *
adopt(struct loop *loop, const struct worker_start *start, pid_t pid, int channel)
{
	struct child *c = MEM_NEW(struct child);

	c->index = start->index;
	c->generation = start->generation;
	c->slot = start->slot;
	c->pid = pid;
	c->started_ms = clock_ms();
	c->loop = loop;
	/* It inherited those of this moment. */
	c->certificates = &start->config->certificates;
	c->certificates_seen = certificates_version(c->certificates->all);
	link_init(&c->link);
	watcher_init(&c->channel, on_channel);
	if (loop_watch(loop, &c->channel, channel) == -1) {
		log_error("worker %u: epoll: %m", start->index);
		close(channel);
	}
	return c;
}

struct child *
child_spawn(struct loop *loop, struct worker_start *start,
    void (*on_word)(struct child *c, enum channel_kind kind), void *owner)
{
	struct child *c;
	int fds[2];
	pid_t pid;

	if (channel_pair(fds) == -1) {
		log_error("worker %u: cannot be started: channel: %m", start->index);
		return NULL;
	}
	pid = fork();
	if (pid == 0) {
		start->channel = fds[1];
		worker_run(start);
	}
	close(fds[1]);
	if (pid == -1) {
		log_error("worker %u: cannot be started: fork: %m", start->index);
		close(fds[0]);
		return NULL;
	}
	c = adopt(loop, start, pid, fds[0]);
	c->on_word = on_word;
	c->owner = owner;
	return c;
}

void
child_tell(struct child *c, enum channel_kind kind)
{
	struct message m = { .kind = kind, .fd = -1 };

	c->leaving = true;
	if (c->channel.fd != -1 && channel_send(c->channel.fd, &m) == 0)
		return;
	kill(c->pid, kind == CHANNEL_STOP ? SIGTERM : SIGQUIT);
}

void
child_tell_listed(struct child *c)
{
	struct message m = { .kind = CHANNEL_LISTED, .fd = -1 };

	/* If the channel is full: the list will change again, or else it ends with us. */
	if (!c->listed && c->channel.fd != -1)
		c->listed = channel_send(c->channel.fd, &m) == 0;
}

static void
free_child(struct garbage *g)
{
	mem_free(CONTAINER_OF(g, struct child, garbage));
}

void
child_free(struct child *c)
{
	close_channel(c);
	link_remove(&c->link);
	loop_discard(c->loop, &c->garbage, free_child);
}
