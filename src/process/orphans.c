/*
 * orphans.c - PIDFILE.workers: the master and its living workers, and who of them are left when a
 * master has died.
 */
#include "process/orphans.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"

enum { MODE = 0644, LIST_SIZE = 65536 };

/* A list as it was read. */
struct list {
	char text[LIST_SIZE];
	struct str rest;
	uid_t owner;
};

static char *
list_path(const char *pid_file)
{
	struct buf path;

	buf_init(&path);
	buf_printf(&path, "%s.workers", pid_file);
	return buf_text(&path);
}

/* A list that cannot be read is empty. */
static void
read_list(const char *pid_file, struct list *l)
{
	char *path = list_path(pid_file);
	int fd = path_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;
	ssize_t n = -1;

	if (fd != -1 && fstat(fd, &st) == 0) {
		n = read(fd, l->text, sizeof(l->text));
		l->owner = st.st_uid;
	}
	if (fd != -1)
		close(fd);
	l->rest = str_make(l->text, n > 0 ? (size_t)n : 0);
	mem_free(path);
}

/* The next line of the list that names a process; false at the end. */
static bool
next(struct list *l, struct process_id *id)
{
	struct str line, word;
	uint64_t pid;

	while (str_cut(&l->rest, '\n', &line)) {
		if (!str_word(&line, &word) || !str_uint(word, INT32_MAX, &pid) || pid == 0)
			continue;
		if (!str_word(&line, &word) || !str_uint(word, INT64_MAX, &id->started))
			continue;
		id->pid = (pid_t)pid;
		if (process_id_may_name(*id, l->owner))
			return true;
	}
	return false;
}

static int
write_list(const char *pid_file, const struct buf *text)
{
	char *path = list_path(pid_file);
	int result = path_replace(path, buf_view(text), MODE), saved = errno;

	mem_free(path);
	errno = saved;
	return result;
}

static void
add(struct buf *text, struct process_id id)
{
	if (id.started != 0)
		buf_printf(text, "%d %" PRIu64 "\n", (int)id.pid, id.started);
}

int
orphans_add_self(const char *pid_file)
{
	static struct list old;
	struct process_id id;
	struct buf text;
	int result;

	buf_init(&text);
	add(&text, process_id_of(getpid()));
	read_list(pid_file, &old);
	while (next(&old, &id)) {
		if (process_id_lives(id))
			add(&text, id);
	}
	result = write_list(pid_file, &text);
	buf_fini(&text);
	return result;
}

struct process_id
orphans_find(const char *pid_file, pid_t pid)
{
	static struct list list;
	struct process_id id;

	read_list(pid_file, &list);
	while (next(&list, &id)) {
		if (id.pid == pid)
			return id;
	}
	return (struct process_id){ .pid = pid };
}

unsigned
orphans_quit(const char *pid_file)
{
	static struct list list;
	struct process_id id;
	unsigned n = 0;

	read_list(pid_file, &list);
	while (next(&list, &id)) {
		if (id.pid == getpid())
			continue;
		if (process_id_signal(id, SIGQUIT) == 0)
			n++;
		else if (errno != ESRCH)
			log_warn("worker %d of a master that died: %m", (int)id.pid);
	}
	return n;
}

int
orphans_list(const char *pid_file, const pid_t *pids, size_t n)
{
	struct buf text;
	int result;

	buf_init(&text);
	add(&text, process_id_of(getpid()));
	for (size_t i = 0; i < n; i++)
		add(&text, process_id_of(pids[i]));
	result = write_list(pid_file, &text);
	if (result == -1)
		log_error("%s.workers: %s", pid_file, path_error(errno));
	buf_fini(&text);
	return result;
}

void
orphans_forget(const char *pid_file)
{
	char *path = list_path(pid_file);

	(void)path_remove(path);
	mem_free(path);
}
