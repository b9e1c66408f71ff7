/*
 * loop.c - the event loop of a process: descriptors, timers, tasks.
 */
#include "net/loop.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum { EVENTS = 256 };		/* events of one epoll_wait */

struct loop {
	int epoll_fd;
	bool stop;
	bool forks;
	uint64_t turn;
	int64_t lag_us;			/* of the turn before */
	struct timer_heap timers;
	struct link again;		/* watchers that yielded */
	struct link tasks;		/* behind the current callback */
	struct link late;		/* behind all events of the turn */
	struct link last;		/* before the wait */
	struct link garbage;
	struct epoll_event events[EVENTS];
};

struct loop *
loop_new(void)
{
	struct loop *l = MEM_NEW(struct loop);

	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll_fd < 0) {
		mem_free(l);
		return NULL;
	}
	link_init(&l->again);
	link_init(&l->tasks);
	link_init(&l->late);
	link_init(&l->last);
	link_init(&l->garbage);
	clock_update();
	return l;
}

static void
free_garbage(struct loop *l)
{
	struct link *first;

	while ((first = list_first(&l->garbage)) != NULL) {
		struct garbage *g = CONTAINER_OF(first, struct garbage, link);

		link_remove(first);
		g->free(g);
	}
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	free_garbage(l);
	timer_heap_fini(&l->timers);
	close(l->epoll_fd);
	mem_free(l);
}

/* Takes the first task off the list and runs it; false if there is none. */
static inline bool
run_first(struct link *tasks)
{
	struct link *first = list_first(tasks);
	struct task *t;

	if (first == NULL)
		return false;
	t = CONTAINER_OF(first, struct task, link);
	link_remove(first);
	t->run(t);
	return true;
}

static inline void
run_tasks(struct loop *l)
{
	while (run_first(&l->tasks))
		;
}

static void
run_late(struct loop *l)
{
	struct link now;

	link_init(&now);
	list_move_all(&now, &l->late);
	while (run_first(&now))
		run_tasks(l);
}

static void
dispatch(struct loop *l, const struct epoll_event *ev)
{
	struct watcher *w = ev->data.ptr;
	uint8_t ready = 0;

	if (w->fd < 0)
		return;			/* closed by an earlier event of this batch */
	if (ev->events & EPOLLIN)
		ready |= READY_READ;
	if (ev->events & EPOLLOUT)
		ready |= READY_WRITE;
	if (ev->events & EPOLLRDHUP)
		ready |= READY_READ | READY_EOF;
	if (ev->events & (EPOLLHUP | EPOLLERR))
		ready |= READY_READ | READY_WRITE | READY_ERROR;
	w->ready |= ready;
	w->on_ready(w);
	run_tasks(l);
}

static void
run_yielded(struct loop *l)
{
	struct link now;
	struct link *first;

	link_init(&now);
	list_move_all(&now, &l->again);
	while ((first = list_first(&now)) != NULL) {
		struct watcher *w = CONTAINER_OF(first, struct watcher, again);

		link_remove(first);
		w->on_ready(w);
		run_tasks(l);
	}
}

static int
wait_ms(const struct loop *l)
{
	msec next = timer_next(&l->timers);
	msec left;

	if (!link_empty(&l->again) || !link_empty(&l->late))
		return 0;
	if (next == TIMER_NEVER)
		return -1;
	left = next - clock_ms();
	if (left < 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

void
loop_run(struct loop *l)
{
	l->stop = false;
	run_tasks(l);
	while (!l->stop) {
		int n = epoll_wait(l->epoll_fd, l->events, EVENTS, wait_ms(l));

		clock_update();
		l->turn++;
		if (n < 0 && errno != EINTR)
			log_error("epoll_wait: %m");
		for (int i = 0; i < n; i++)
			dispatch(l, &l->events[i]);
		run_yielded(l);
		timer_run(&l->timers, clock_ms());
		run_tasks(l);
		run_late(l);
		free_garbage(l);
		while (run_first(&l->last))
			;
		l->lag_us = clock_read_us() - clock_us();
	}
}

void
loop_stop(struct loop *l)
{
	l->stop = true;
}

void
loop_forks(struct loop *l)
{
	l->forks = true;
}

uint64_t
loop_turn(const struct loop *l)
{
	return l->turn;
}

int64_t
loop_lag_us(const struct loop *l)
{
	return l->lag_us;
}

void
watcher_init(struct watcher *w, void (*on_ready)(struct watcher *))
{
	w->fd = -1;
	w->ready = 0;
	w->level = false;
	link_init(&w->again);
	w->on_ready = on_ready;
}

static int
add(struct loop *l, struct watcher *w, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -1;
	w->fd = fd;
	w->ready = 0;
	return 0;
}

int
loop_watch(struct loop *l, struct watcher *w, int fd)
{
	return add(l, w, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

int
loop_watch_shared(struct loop *l, struct watcher *w, int fd)
{
	w->level = true;
	return add(l, w, fd, EPOLLIN | EPOLLEXCLUSIVE);
}

int
loop_watch_wanted(struct loop *l, struct watcher *w, int fd, uint8_t wanted)
{
	uint32_t events = ((wanted & READY_READ) != 0 ? EPOLLIN : 0) |
	    ((wanted & READY_WRITE) != 0 ? EPOLLOUT : 0);
	struct epoll_event ev = { .events = events, .data.ptr = w };

	if (w->fd == fd)
		return epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, fd, &ev);
	w->level = true;
	return add(l, w, fd, events);
}

static void
forget(struct watcher *w)
{
	link_remove(&w->again);
	w->fd = -1;
	w->ready = 0;
}

void
loop_unwatch(struct loop *l, struct watcher *w)
{
	int fd = w->fd;

	forget(w);
	if (fd >= 0 && epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, fd, NULL) < 0)
		log_error("epoll_ctl: remove %d: %m", fd);
}

void
loop_close(struct loop *l, struct watcher *w)
{
	/*
	 * A descriptor that another process holds too stays in the epoll set after close(), so a
	 * shared one must be taken out by hand; for the others close() does it.
	 */
	int fd = w->fd;

	if (w->level || l->forks)
		loop_unwatch(l, w);
	else
		forget(w);
	if (fd >= 0)
		close(fd);
}

void
loop_yield(struct loop *l, struct watcher *w)
{
	if (link_empty(&w->again))
		list_append(&l->again, &w->again);
}

void
task_init(struct task *t, void (*run)(struct task *))
{
	link_init(&t->link);
	t->run = run;
}

void
loop_post(struct loop *l, struct task *t)
{
	if (link_empty(&t->link))
		list_append(&l->tasks, &t->link);
}

void
loop_post_late(struct loop *l, struct task *t)
{
	if (link_empty(&t->link))
		list_append(&l->late, &t->link);
}

void
loop_before_wait(struct loop *l, struct task *t)
{
	if (link_empty(&t->link))
		list_append(&l->last, &t->link);
}

void
task_cancel(struct task *t)
{
	link_remove(&t->link);
}

void
loop_discard(struct loop *l, struct garbage *g, void (*free_fn)(struct garbage *))
{
	g->free = free_fn;
	list_append(&l->garbage, &g->link);
}

void
loop_timer_set(struct loop *l, struct timer *t, msec deadline_ms)
{
	timer_set(&l->timers, t, deadline_ms);
}

void
loop_timer_cancel(struct loop *l, struct timer *t)
{
	timer_cancel(&l->timers, t);
}
