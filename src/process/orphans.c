/*
 * orphans.c - the workers of a master that died without ending them.
 */
#include "process/orphans.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

enum { MODE = 0644, LIST_SIZE = 65536, STAT_SIZE = 1024, START_FIELD = 22 };

/* The whole of a small file; false if it cannot be read. */
static bool
read_file(const char *path, char *text, size_t size, struct str *out)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n;

	if (fd == -1)
		return false;
	n = read(fd, text, size);
	close(fd);
	*out = str_make(text, n > 0 ? (size_t)n : 0);
	return n > 0;
}

/* When the process started, in ticks since the boot (proc(5)); 0 if there is no such process. */
static uint64_t
start_time(pid_t pid)
{
	char path[64], text[STAT_SIZE];
	struct str rest, word;
	uint64_t value;
	ptrdiff_t end;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (!read_file(path, text, sizeof(text), &rest))
		return 0;
	/* The name may hold blanks and parentheses; the last one closes it, after field 2. */
	for (end = (ptrdiff_t)rest.n - 1; end >= 0 && rest.p[end] != ')'; end--)
		;
	rest = str_skip(rest, (size_t)(end + 1));
	for (int field = 3; str_word(&rest, &word); field++) {
		if (field == START_FIELD)
			return str_uint(word, INT64_MAX, &value) ? value : 0;
	}
	return 0;
}

/* The name of the list, or of its next version, which the caller frees. */
static char *
list_path(const char *pid_file, const char *ending)
{
	struct buf path;

	buf_init(&path);
	buf_printf(&path, "%s.workers%s", pid_file, ending);
	return buf_text(&path);
}

/* One line of the list: true if it names a process that lives and was told to finish. */
static bool
quit_one(struct str line)
{
	struct str word;
	uint64_t pid, started;

	if (!str_word(&line, &word) || !str_uint(word, INT32_MAX, &pid) || pid <= 1)
		return false;
	if (!str_word(&line, &word) || !str_uint(word, INT64_MAX, &started))
		return false;
	if (start_time((pid_t)pid) != started)
		return false;
	if (kill((pid_t)pid, SIGQUIT) == -1) {
		log_warn("worker %d of a master that died: %m", (int)pid);
		return false;
	}
	return true;
}

unsigned
orphans_quit(const char *pid_file)
{
	static char text[LIST_SIZE];
	char *path = list_path(pid_file, "");
	struct str rest = { NULL, 0 }, line;
	unsigned n = 0;

	if (read_file(path, text, sizeof(text), &rest)) {
		while (str_cut(&rest, '\n', &line))
			n += quit_one(line);
	}
	mem_free(path);
	return n;
}

static int
write_file(const char *path, struct str text)
{
	int fd, saved;
	ssize_t n;

	/* What a master left that died while it wrote. */
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
	if (fd == -1)
		return -1;
	n = write(fd, text.p, text.n);
	saved = n >= 0 ? ENOSPC : errno;
	close(fd);
	if (n == (ssize_t)text.n)
		return 0;
	unlink(path);
	errno = saved;
	return -1;
}

void
orphans_list(const char *pid_file, const pid_t *pids, size_t n)
{
	char *path = list_path(pid_file, ""), *next = list_path(pid_file, ".new");
	struct buf text;

	buf_init(&text);
	for (size_t i = 0; i < n; i++) {
		uint64_t started = start_time(pids[i]);

		if (started != 0)
			buf_printf(&text, "%d %" PRIu64 "\n", (int)pids[i], started);
	}
	if (write_file(next, buf_view(&text)) == -1 || rename(next, path) == -1)
		log_error("%s: %m", path);
	buf_fini(&text);
	mem_free(path);
	mem_free(next);
}

void
orphans_forget(const char *pid_file)
{
	char *path = list_path(pid_file, "");

	unlink(path);
	mem_free(path);
}
