/*
 * master_control.c - the control socket of the master: who may use it, and what comes of reloads.
 */
#include "process/master_internal.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "process/control_commands.h"
#include "proxy/servers/overrides.h"

void
master_open_control(struct master *m)
{
	m->control = control_new(m->loop, control_commands_run, m);
}

/* The file of the socket; -1 with errno if somebody has put something else in its place. */
static int
open_file(const char *path, dev_t dev, ino_t ino)
{
	int fd = path_open(path, O_PATH | O_NOFOLLOW, 0);
	struct stat st;

	if (fd == -1 || (fstat(fd, &st) == 0 && st.st_dev == dev && st.st_ino == ino))
		return fd;
	close(fd);
	errno = EEXIST;
	return -1;
}

/* A descriptor that was opened by its path alone has no other way, before Linux 6.6. */
static int
change_mode(int fd, mode_t mode)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return chmod(path, mode);
}

/* To the group, by changing to it: giving files away takes a right that the master has not. */
static int
give_to_group(int fd, gid_t gid)
{
	gid_t own = getegid();
	int result;

	if (setegid(gid) == -1)
		return -1;
	result = fchownat(fd, "", (uid_t)-1, gid, AT_EMPTY_PATH);
	if (setegid(own) == -1) {
		log_error("setegid: %m");
		return -1;
	}
	return result;
}

static void
set_rights(const struct generation *g)
{
	const struct config *c = g->config;
	const struct conf_snapshot *s = c->snapshot;
	const char *path = s->admin.socket.text.p;
	bool shared = c->identity.change && s->global.group.p != NULL;
	dev_t dev;
	ino_t ino;
	int fd;

	if (!listeners_control_file(&g->listeners, &dev, &ino))
		return;
	fd = open_file(path, dev, ino);
	if (fd == -1) {
		log_warn("control socket %s: %s", path, errno == EEXIST || errno == ENOENT ?
		    "its file was removed or replaced: usherctl cannot reach it (restart)" :
		    path_error(errno));
		return;
	}
	if (change_mode(fd, S_IRUSR | S_IWUSR) == -1)
		log_warn("control socket %s: %m", path);
	else if (shared && (give_to_group(fd, c->identity.gid) == -1 ||
	    change_mode(fd, S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP) == -1))
		log_warn("control socket %s: group %s cannot use it: %m", path,
		    s->global.group.p);
	close(fd);
}

void
master_use_control(struct master *m, const struct generation *g)
{
	int fd = listeners_control_fd(&g->listeners);
	unsigned forgotten;

	if (fd != -1)
		set_rights(g);
	control_listen(m->control, fd);
	forgotten = overrides_settle(m->servers.overrides, g->config->snapshot);
	if (forgotten > 0)
		log_notice("%u change%s of servers at run time: over, as their lines are others"
		    " now", forgotten, forgotten == 1 ? "" : "s");
}

void
master_close_control(struct master *m)
{
	log_tee(NULL, NULL);
	buf_fini(&m->reload_lines);
	control_listen(m->control, -1);
	control_give_up(m->control, STR_OF("usherd is ending\n"));
}

/* ---- reloads that somebody waits for */

/* Lines about the configuration have the word behind the place that they are about. */
static void
keep_line(void *arg, enum log_level level, const char *line, size_t n)
{
	static const char word[] = "warning: ";
	struct master *m = arg;

	if (level == LOG_LEVEL_WARN && memmem(line, n, word, sizeof(word) - 1) == NULL)
		buf_cstr(&m->reload_lines, word);
	buf_add(&m->reload_lines, line, n);
	buf_char(&m->reload_lines, '\n');
}

void
master_reload_begins(struct master *m)
{
	m->reload_lines.n = 0;
	log_tee(keep_line, m);
}

void
master_reload_ends(struct master *m, bool done)
{
	log_tee(NULL, NULL);
	if (done)
		buf_printf(&m->reload_lines, "generation %u serves with %u worker%s\n",
		    m->current->number, m->current->nplaces,
		    m->current->nplaces == 1 ? "" : "s");
	control_happened(m->control, done ? CONTROL_OK : CONTROL_FAILED,
	    buf_view(&m->reload_lines));
	buf_fini(&m->reload_lines);
}
