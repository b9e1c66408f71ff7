/*
 * daemon.c - going to the background, with the outcome of the start as exit status.
 */
#include "process/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "process/signals.h"

static bool background;
static int ready_fd = -1;	/* the parent waits at the other end */
static int null_fd = -1;

/* The end of the pipe without a word is the death of the child. */
static _Noreturn void
wait_for_child(int fd)
{
	ssize_t n;
	char word;

	/* The child has a session of its own: an interrupt ends only this wait. */
	signals_unblock();
	do {
		n = read(fd, &word, 1);
	} while (n == -1 && errno == EINTR);
	_exit(n == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

int
daemon_start(void)
{
	int fds[2], saved;
	pid_t pid;

	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd == -1 || pipe2(fds, O_CLOEXEC) == -1)
		return -1;
	pid = fork();
	if (pid == -1) {
		saved = errno;
		close(fds[0]);
		close(fds[1]);
		errno = saved;
		return -1;
	}
	if (pid > 0) {
		close(fds[1]);
		wait_for_child(fds[0]);
	}
	close(fds[0]);
	ready_fd = fds[1];
	background = true;
	/* Fails only for the leader of a process group, which a child of fork() is not. */
	setsid();
	return 0;
}

bool
daemon_in_background(void)
{
	return background;
}

int
daemon_null_fd(void)
{
	return null_fd;
}

void
daemon_detach(bool keep_stdout, bool keep_stderr)
{
	if (!background)
		return;
	dup2(null_fd, STDIN_FILENO);
	if (!keep_stdout)
		dup2(null_fd, STDOUT_FILENO);
	if (!keep_stderr)
		dup2(null_fd, STDERR_FILENO);
}

void
daemon_ready(void)
{
	char word = 'r';

	if (ready_fd == -1)
		return;
	if (write(ready_fd, &word, 1) != 1)
		log_warn("cannot tell the starting process: %m");
	close(ready_fd);
	ready_fd = -1;
}
