/*
 * signals.c - signals as events of the loop.
 */
#include "process/signals.h"

#include <sys/signalfd.h>

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/check.h"

static const struct {
	int signo;
	const char *name;
} handled[] = {
	{ SIGHUP, "SIGHUP" }, { SIGINT, "SIGINT" }, { SIGQUIT, "SIGQUIT" }, { SIGTERM, "SIGTERM" },
	{ SIGUSR1, "SIGUSR1" }, { SIGUSR2, "SIGUSR2" }, { SIGWINCH, "SIGWINCH" },
	{ SIGCHLD, "SIGCHLD" },
};

static void
handled_set(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < ARRAY_LEN(handled); i++)
		sigaddset(set, handled[i].signo);
}

const char *
signal_name(int signo)
{
	for (size_t i = 0; i < ARRAY_LEN(handled); i++) {
		if (handled[i].signo == signo)
			return handled[i].name;
	}
	return "signal";
}

void
signals_block(void)
{
	sigset_t set;

	handled_set(&set);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	/* A parent that ignored SIGCHLD would have made the kernel reap for us. */
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
}

void
signals_unblock(void)
{
	sigset_t set;

	handled_set(&set);
	CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
}

static void
on_ready(struct watcher *w)
{
	struct signals *s = CONTAINER_OF(w, struct signals, watcher);
	struct signalfd_siginfo info;

	while (w->fd != -1) {
		ssize_t n = read(w->fd, &info, sizeof(info));

		if (n == (ssize_t)sizeof(info)) {
			s->on_signal(s, (int)info.ssi_signo);
			continue;
		}
		if (n == -1 && errno == EINTR)
			continue;
		w->ready = 0;
		return;
	}
}

int
signals_watch(struct signals *s, struct loop *loop,
    void (*on_signal)(struct signals *s, int signo))
{
	sigset_t set;
	int fd;

	s->on_signal = on_signal;
	watcher_init(&s->watcher, on_ready);
	handled_set(&set);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd == -1)
		return -1;
	if (loop_watch(loop, &s->watcher, fd) == -1) {
		close(fd);
		return -1;
	}
	return 0;
}
