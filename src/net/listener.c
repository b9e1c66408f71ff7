/*
 * listener.c - accepts connections on a socket that several workers share.
 */
#include "net/listener.h"

#include <errno.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/check.h"
#include "base/log.h"

enum {
	/*
	 * With EPOLLEXCLUSIVE the kernel wakes the waiter that registered last, so one worker would
	 * get nearly all connections; to register again now and then spreads them evenly.
	 */
	ACCEPTS_PER_TURN = 16,
	RETRY_MS = 100,
};

static void
back_to_the_queue(struct listener *l)
{
	l->accepts = 0;
	loop_unwatch(l->loop, &l->watcher);
	if (loop_watch_shared(l->loop, &l->watcher, l->fd) < 0) {
		log_error("listen: epoll_ctl: %m");
		loop_timer_set(l->loop, &l->retry, clock_ms() + RETRY_MS);
	}
}

/* Out of descriptors or memory: the connection stays queued, so wait a little rather than spin. */
static void
rest(struct listener *l)
{
	if (log_once_a_second(&l->warned_ms))
		log_warn("accept: %m");
	loop_unwatch(l->loop, &l->watcher);
	loop_timer_set(l->loop, &l->retry, clock_ms() + RETRY_MS);
}

static void
accept_some(struct watcher *w)
{
	struct listener *l = CONTAINER_OF(w, struct listener, watcher);

	for (unsigned i = 0; i < l->burst && l->watcher.fd >= 0; i++) {
		struct addr peer = { .len = sizeof(peer.un) };
		int fd = accept4(l->fd, &peer.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			l->accepts++;
			l->on_accept(l, fd, &peer.sa);
			continue;
		}
		if (errno == EAGAIN)
			break;
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			rest(l);
			return;
		}
		/* Anything else concerns only the connection that was about to come. */
	}
	if (l->watcher.fd >= 0 && l->accepts >= ACCEPTS_PER_TURN)
		back_to_the_queue(l);
}

static void
retry(struct timer *t)
{
	struct listener *l = CONTAINER_OF(t, struct listener, retry);

	if (l->fd >= 0 && !l->paused && l->watcher.fd < 0)
		if (loop_watch_shared(l->loop, &l->watcher, l->fd) < 0)
			loop_timer_set(l->loop, &l->retry, clock_ms() + RETRY_MS);
}

int
listener_open(struct listener *l, struct loop *loop, int fd, unsigned burst,
    void (*on_accept)(struct listener *, int, const struct sockaddr *), void *arg)
{
	*l = (struct listener){
		.loop = loop, .fd = fd, .burst = burst, .on_accept = on_accept, .arg = arg,
	};
	watcher_init(&l->watcher, accept_some);
	timer_init(&l->retry, retry);
	return loop_watch_shared(loop, &l->watcher, fd);
}

void
listener_pause(struct listener *l)
{
	l->paused = true;
	loop_unwatch(l->loop, &l->watcher);
}

void
listener_resume(struct listener *l)
{
	l->paused = false;
	retry(&l->retry);
}

void
listener_close(struct listener *l)
{
	if (l->fd < 0)
		return;
	loop_timer_cancel(l->loop, &l->retry);
	loop_unwatch(l->loop, &l->watcher);
	close(l->fd);
	l->fd = -1;
}
