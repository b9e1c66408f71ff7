/*
 * process_id.c - a process, told from others that get its number later.
 */
#include "process/process_id.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

enum { STAT_SIZE = 1024, PATH_SIZE = 64, STATE_FIELD = 3, START_FIELD = 22 };

static const char *
proc_path(char path[PATH_SIZE], pid_t pid, const char *file)
{
	snprintf(path, PATH_SIZE, "/proc/%d%s", (int)pid, file);
	return path;
}

/* What /proc/PID/stat says, from the state on; empty if there is no such process. */
static struct str
read_stat(pid_t pid, char text[STAT_SIZE])
{
	char path[PATH_SIZE];
	int fd = open(proc_path(path, pid, "/stat"), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd != -1 ? read(fd, text, STAT_SIZE) : -1;

	if (fd != -1)
		close(fd);
	/* The name may hold blanks and parentheses; the last one closes it. */
	for (ssize_t end = n - 1; end >= 0; end--) {
		if (text[end] == ')')
			return str_make(text + end + 1, (size_t)(n - end - 1));
	}
	return str_make(text, 0);
}

struct process_id
process_id_of(pid_t pid)
{
	struct process_id id = { .pid = pid };
	char text[STAT_SIZE];
	struct str rest = read_stat(pid, text), word;

	for (int field = STATE_FIELD; str_word(&rest, &word); field++) {
		/* A zombie only waits to be counted. */
		if (field == STATE_FIELD && (word.p[0] == 'Z' || word.p[0] == 'X'))
			break;
		if (field == START_FIELD) {
			(void)str_uint(word, INT64_MAX, &id.started);
			break;
		}
	}
	return id;
}

/* The last name of a program's path; empty with errno if it cannot be seen. */
static struct str
program(const char *link, char text[PATH_MAX])
{
	static const struct str replaced = STR(" (deleted)");
	ssize_t n = readlink(link, text, PATH_MAX);
	struct str path = str_make(text, n > 0 ? (size_t)n : 0);

	if (str_ends(path, replaced))
		path.n -= replaced.n;
	for (size_t i = path.n; i > 0; i--) {
		if (path.p[i - 1] == '/')
			return str_skip(path, i);
	}
	return path;
}

static bool
runs_usherd(pid_t pid)
{
	char path[PATH_SIZE], ours[PATH_MAX], theirs[PATH_MAX];
	struct str name = program(proc_path(path, pid, "/exe"), theirs);

	if (name.n == 0)
		return errno == EACCES || errno == EPERM;
	return str_eq(name, program("/proc/self/exe", ours));
}

bool
process_id_lives(struct process_id id)
{
	return id.pid > 0 && id.started != 0 && process_id_of(id.pid).started == id.started &&
	    runs_usherd(id.pid);
}

bool
process_id_may_name(struct process_id id, uid_t owner)
{
	char path[PATH_SIZE];
	struct stat st;

	return owner == 0 || owner == geteuid() ||
	    (stat(proc_path(path, id.pid, ""), &st) == 0 && st.st_uid == owner);
}

int
process_id_signal(struct process_id id, int signo)
{
	/* Held by this descriptor, the number goes to nobody else between the look and the signal.
	 * Kernels before 5.3 have none. */
	int fd = id.pid > 0 ? (int)syscall(SYS_pidfd_open, id.pid, 0) : -1, result, saved;

	if (!process_id_lives(id)) {
		result = -1;
		errno = ESRCH;
	} else if (fd != -1) {
		result = (int)syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0);
	} else {
		result = kill(id.pid, signo);
	}
	saved = errno;
	if (fd != -1)
		close(fd);
	errno = saved;
	return result;
}
