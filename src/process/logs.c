/*
 * logs.c - the log files of one configuration, opened by the master and used by its workers.
 */
#include "process/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"

enum { MODE = 0640 };

static const char *
explain_error(int error)
{
	switch (error) {
	case ELOOP:
		return "is a symbolic link, or behind one that another user could have placed";
	case ENXIO:
		return "is a pipe that nobody reads";
	case EACCES:
		return "Permission denied (choose another path, or stderr)";
	default:
		return path_error(error);
	}
}

/* Never through a symbolic link: the directory may belong to somebody who is not root. */
static int
open_file(struct str path)
{
	/* O_NONBLOCK: a pipe without a reader is an error and not a wait. */
	int fd = path_open(path.p, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK |
	    O_NOCTTY, MODE);

	if (fd == -1)
		log_error("log %s: %s", path.p, explain_error(errno));
	return fd;
}

static int
duplicate(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	if (copy == -1)
		log_error("log %s: %m", fd == STDOUT_FILENO ? "stdout" : "stderr");
	return copy;
}

/* 0 and the descriptor, or -1 after an error line. */
static int
open_target(enum conf_log_target target, struct str path, int *fd)
{
	switch (target) {
	case LOG_TARGET_FILE:
		*fd = open_file(path);
		break;
	case LOG_TARGET_STDERR:
		*fd = duplicate(STDERR_FILENO);
		break;
	case LOG_TARGET_STDOUT:
		*fd = duplicate(STDOUT_FILENO);
		break;
	case LOG_TARGET_SYSLOG:
		*fd = -1;
		return 0;
	}
	return *fd == -1 ? -1 : 0;
}

int
logs_open(struct logs *l, const struct conf_snapshot *s)
{
	int result = 0;

	*l = (struct logs){ .error_fd = -1, .n = s->nlogs };
	l->fds = mem_zalloc(s->nlogs, sizeof(*l->fds));
	/* The error log knows standard error by its number, lest a line be written there twice. */
	if (s->global.error_log == LOG_TARGET_STDERR)
		l->error_fd = STDERR_FILENO;
	else
		result = open_target(s->global.error_log, s->global.error_log_path, &l->error_fd);
	for (unsigned i = 0; i < s->nlogs; i++) {
		l->fds[i] = -1;
		if (open_target(s->logs[i]->target, s->logs[i]->path, &l->fds[i]) == -1)
			result = -1;
	}
	if (result == -1)
		logs_close(l);
	return result;
}

void
logs_close(struct logs *l)
{
	if (l->error_fd > STDERR_FILENO)
		close(l->error_fd);
	for (unsigned i = 0; i < l->n; i++) {
		if (l->fds[i] != -1)
			close(l->fds[i]);
	}
	mem_free(l->fds);
	*l = (struct logs){ .error_fd = -1 };
}

void
logs_use(int error_fd)
{
	if (error_fd == -1)
		log_to_syslog("usherd");
	else
		log_to_fd(error_fd, true);
}

bool
logs_go_to(const struct conf_snapshot *s, enum conf_log_target target)
{
	if (s->global.error_log == target)
		return true;
	for (unsigned i = 0; i < s->nlogs; i++) {
		if (s->logs[i]->target == target)
			return true;
	}
	return false;
}
