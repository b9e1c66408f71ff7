/*
 * descriptors.c - a process keeps only the descriptors it has a use for.
 */
#include "process/descriptors.h"

#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

int
descriptors_fill_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDWR) != fd)
			return -1;
	}
	return 0;
}

int
descriptors_close_inherited(int first, int n)
{
	struct descriptors d = { NULL, 0 };

	for (int fd = first; fd < first + n; fd++)
		descriptors_keep(&d, &fd, 1);
	return descriptors_close_others(&d);
}

void
descriptors_keep(struct descriptors *d, const int *fds, size_t n)
{
	if (n == 0)
		return;
	d->v = mem_realloc(d->v, d->n + n, sizeof(*d->v));
	for (size_t i = 0; i < n; i++) {
		if (fds[i] != -1)
			d->v[d->n++] = fds[i];
	}
}

/* Kernels before 5.9 have no close_range(): there /proc tells what is open. */
static int
close_slowly(unsigned first, unsigned last)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;

	if (dir == NULL)
		return -1;
	while ((e = readdir(dir)) != NULL) {
		char *end;
		unsigned long fd = strtoul(e->d_name, &end, 10);

		if (end == e->d_name || *end != '\0' || (int)fd == dirfd(dir))
			continue;
		if (fd >= first && fd <= last)
			close((int)fd);
	}
	closedir(dir);
	return 0;
}

static int
close_between(unsigned first, unsigned last)
{
	if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
		return 0;
	return errno == ENOSYS ? close_slowly(first, last) : -1;
}

static int
by_number(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

int
descriptors_close_others(struct descriptors *d)
{
	unsigned first = STDERR_FILENO + 1;
	int result = 0;

	if (d->n > 0)
		qsort(d->v, d->n, sizeof(*d->v), by_number);
	for (size_t i = 0; i < d->n && result == 0; i++) {
		unsigned keep = (unsigned)d->v[i];

		if (keep < first)
			continue;
		if (keep > first)
			result = close_between(first, keep - 1);
		first = keep + 1;
	}
	if (result == 0)
		result = close_between(first, UINT_MAX);
	mem_free(d->v);
	*d = (struct descriptors){ NULL, 0 };
	return result;
}
