/*
 * usage.c - what master and workers use of the machine, for the metrics.
 */
#include "process/usage.h"

#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/str.h"

enum {
	PROCESSES = SHM_WORKERS + 1,	/* the master is the last */
	TURN_US = 5000,			/* then the others have their turn next time */
	PATH_SIZE = 32,
};

static int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static uint64_t
cpu_us(pid_t pid)
{
	clockid_t clock;
	struct timespec t;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) == -1)
		return SHM_UNKNOWN;
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* The second number of /proc/PID/statm, in pages. */
static uint64_t
resident_bytes(pid_t pid)
{
	char path[PATH_SIZE], text[256];
	struct str rest, word;
	uint64_t pages;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return SHM_UNKNOWN;
	n = read(fd, text, sizeof(text));
	close(fd);
	rest = str_make(text, n > 0 ? (size_t)n : 0);
	if (!str_word(&rest, &word) || !str_word(&rest, &word) ||
	    !str_uint(word, UINT64_MAX / 65536, &pages))
		return SHM_UNKNOWN;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t
count_entries(const char *path, pid_t pid)
{
	DIR *dir = opendir(path);
	uint64_t n = 0;

	if (dir == NULL)
		return SHM_UNKNOWN;
	for (struct dirent *d; (d = readdir(dir)) != NULL;)
		n += d->d_name[0] != '.';
	closedir(dir);
	return n - (pid == getpid());	/* without that of the directory */
}

/* Since Linux 6.2 the size of the directory is their number. */
static uint64_t
descriptors(pid_t pid)
{
	char path[PATH_SIZE];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	if (stat(path, &st) == 0 && st.st_size > 0)
		return (uint64_t)st.st_size;
	return count_entries(path, pid);
}

static void
look_at(struct shm_usage *usage, pid_t pid)
{
	uint64_t cpu = cpu_us(pid);

	if (cpu == SHM_UNKNOWN)
		return;			/* it has just ended */
	atomic_store(&usage->cpu_us, cpu);
	atomic_store(&usage->resident_bytes, resident_bytes(pid));
	atomic_store(&usage->descriptors, descriptors(pid));
	atomic_store(&usage->seen_ms, (uint64_t)clock_ms());
}

static void
look_at_next(struct usage *u, struct shm_core *core)
{
	unsigned i = u->next;
	pid_t pid;

	u->next = (i + 1) % PROCESSES;
	if (i == SHM_WORKERS) {
		look_at(&core->data->master_usage, getpid());
		return;
	}
	pid = atomic_load(&core->data->workers[i].pid);
	if (pid != 0)
		look_at(&core->data->worker_usage[i], pid);
}

void
usage_look(struct usage *u, struct shm_core *core)
{
	int64_t start = now_us(), spent = 0;

	if (clock_ms() < u->not_before_ms)
		return;
	for (int i = 0; i < PROCESSES && spent < TURN_US; i++) {
		look_at_next(u, core);
		spent = now_us() - start;
	}
	/* Many descriptors take long to count before Linux 6.2: 100 times as long is for others. */
	u->not_before_ms = clock_ms() + spent / 10;
}
