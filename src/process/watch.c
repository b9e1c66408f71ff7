/*
 * watch.c - notices that what some paths lead to may have changed.
 *
 *	/etc/tls/live/site/cert.pem		names that count, by directory:
 *	          live -> /var/certs		/: etc, var   /etc: tls   /etc/tls: live
 *	               site -> ..2026		/var: certs   /var/certs: site, ..2026
 *						/var/certs/..2026: cert.pem
 */
#include "process/watch.h"

#include <sys/inotify.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"

enum {
	LOOK_MS = 60000,
	QUIET_MS = 150,			/* a chain and its key are written one after the other */
	IMPATIENT_MS = 2000,		/* but events without end do not put a look off for ever */
	LINKS_MAX = 40,			/* as the kernel follows */
	EVENTS = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE | IN_ATTRIB |
	    IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR,
};

/* A directory that was met since watch_begin(). */
struct directory {
	int descriptor;			/* -1: it cannot be watched */
	struct directory *before;
};

/* ---- events */

static void
plan_look(struct watch *w)
{
	msec now = clock_ms(), at = now + QUIET_MS;

	if (w->first_event_ms == 0)
		w->first_event_ms = now;
	if (at > w->first_event_ms + IMPATIENT_MS)
		at = w->first_event_ms + IMPATIENT_MS;
	loop_timer_set(w->loop, &w->timer, at);
}

static bool
counts(const struct watch *w, const struct inotify_event *e)
{
	char key[NAME_MAX + 32];
	int n;

	if (e->len == 0)		/* of the directory itself, or of lost events */
		return (e->mask & ~(uint32_t)(IN_ATTRIB | IN_ISDIR | IN_IGNORED)) != 0;
	n = snprintf(key, sizeof(key), "%d/%s", e->wd, e->name);
	return map_get(&w->names, str_make(key, (size_t)n)) != NULL;
}

static void
on_inotify(struct watcher *watcher)
{
	struct watch *w = CONTAINER_OF(watcher, struct watch, inotify);
	_Alignas(struct inotify_event) char buf[16384];
	ssize_t n;

	while ((n = read(watcher->fd, buf, sizeof(buf))) > 0 || (n == -1 && errno == EINTR)) {
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(buf + at);

			if (counts(w, e))
				plan_look(w);
			at += (ssize_t)sizeof(*e) + (ssize_t)e->len;
		}
	}
	watcher->ready = 0;
}

static void
on_timer(struct timer *t)
{
	struct watch *w = CONTAINER_OF(t, struct watch, timer);

	w->first_event_ms = 0;
	loop_timer_set(w->loop, &w->timer, clock_ms() + LOOK_MS);
	w->look(w->arg);
}

/* ---- what is watched */

static void
forget(struct watch *w)
{
	map_fini(&w->directories);
	map_fini(&w->links);
	map_fini(&w->names);
	arena_fini(&w->arena);
	w->newest = NULL;
}

void
watch_open(struct watch *w, struct loop *loop, void (*look)(void *arg), void *arg)
{
	*w = (struct watch){ .loop = loop, .look = look, .arg = arg };
	arena_init(&w->arena);
	timer_init(&w->timer, on_timer);
	watcher_init(&w->inotify, on_inotify);
	loop_timer_set(loop, &w->timer, clock_ms() + LOOK_MS);
}

void
watch_close(struct watch *w)
{
	if (w->loop == NULL)
		return;
	loop_timer_cancel(w->loop, &w->timer);
	if (w->inotify.fd != -1)
		loop_close(w->loop, &w->inotify);
	forget(w);
	mem_free(w->descriptors);
	*w = (struct watch){ .loop = NULL };
}

void
watch_begin(struct watch *w)
{
	forget(w);
	w->tried = false;
}

/* Only where there is something to watch: a user may have few of these. */
static void
open_inotify(struct watch *w)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	w->tried = true;
	if (fd != -1 && loop_watch(w->loop, &w->inotify, fd) == 0)
		return;
	if (!w->warned)
		log_warn("inotify: %m; changed certificates are found once a minute");
	w->warned = true;
	if (fd != -1)
		close(fd);
}

static int
add_watch(struct watch *w, const char *path)
{
	int descriptor;

	if (w->inotify.fd == -1 && !w->tried)
		open_inotify(w);
	if (w->inotify.fd == -1)
		return -1;
	descriptor = inotify_add_watch(w->inotify.fd, path, EVENTS);
	if (descriptor == -1 && (errno == ENOSPC || errno == ENOMEM) && !w->warned) {
		w->warned = true;
		log_warn("inotify: %s: %m; changed certificates there are found once a minute "
		    "(fs.inotify.max_user_watches is too low)", path);
	}
	return descriptor;
}

static const struct directory *
directory(struct watch *w, struct str path)
{
	struct directory *d = map_get(&w->directories, path);

	if (d == NULL) {
		d = ARENA_NEW(&w->arena, struct directory);
		path = arena_str(&w->arena, path);
		d->descriptor = add_watch(w, path.p);
		d->before = w->newest;
		w->newest = d;
		map_add(&w->directories, path, d);
	}
	return d;
}

static void
note_name(struct watch *w, struct str dir, struct str name)
{
	const struct directory *d = directory(w, dir);
	char key[NAME_MAX + 32];
	int n;

	if (d->descriptor == -1 || name.n > NAME_MAX)
		return;
	n = snprintf(key, sizeof(key), "%d/%.*s", d->descriptor, STR_ARG(name));
	if (map_get(&w->names, str_make(key, (size_t)n)) == NULL)
		map_add(&w->names, arena_str(&w->arena, str_make(key, (size_t)n)), w);
}

/* Where the link at that path leads; empty if it is none. */
static struct str
target(struct watch *w, struct str path)
{
	struct str *found = map_get(&w->links, path);
	char text[PATH_MAX];
	ssize_t n;

	if (found != NULL)
		return *found;
	path = arena_str(&w->arena, path);
	n = readlink(path.p, text, sizeof(text));
	found = ARENA_NEW(&w->arena, struct str);
	*found = arena_str(&w->arena, str_make(text, n > 0 ? (size_t)n : 0));
	map_add(&w->links, path, found);
	return *found;
}

/* The path goes on below the directory, which has no links in it: "/", "." or a longer one. */
struct walk {
	struct buf dir;
	struct buf rest;
	int links;
};

static void
set(struct buf *b, struct str s)
{
	b->n = 0;
	buf_str(b, s);
	buf_text(b);
}

static void
go_up(struct walk *k)
{
	ptrdiff_t at = (ptrdiff_t)k->dir.n - 1;

	if (str_eq(buf_view(&k->dir), STR_OF("/")))
		return;
	while (at > 0 && k->dir.p[at] != '/')
		at--;
	k->dir.n = at > 0 ? (size_t)at : 1;
	buf_text(&k->dir);
}

/* A link: what it says takes the place of its name. */
static void
follow(struct walk *k, struct str to, struct str rest)
{
	struct buf joined;

	buf_init(&joined);
	buf_str(&joined, to);
	buf_char(&joined, '/');
	buf_str(&joined, rest);
	if (to.p[0] == '/')
		set(&k->dir, STR_OF("/"));
	buf_fini(&k->rest);
	k->rest = joined;
}

/* One name further; false at the end. */
static bool
step(struct watch *w, struct walk *k)
{
	struct str rest = buf_view(&k->rest), name, to;
	struct buf path;

	if (!str_cut(&rest, '/', &name))
		return false;
	if (name.n == 0 || str_eq(name, STR_OF("."))) {
		;
	} else if (str_eq(name, STR_OF(".."))) {
		go_up(k);
	} else {
		note_name(w, buf_view(&k->dir), name);
		buf_init(&path);
		buf_str(&path, buf_view(&k->dir));
		if (!str_eq(buf_view(&k->dir), STR_OF("/")))
			buf_char(&path, '/');
		buf_str(&path, name);
		buf_text(&path);
		to = target(w, buf_view(&path));
		if (to.n > 0) {
			buf_fini(&path);
			follow(k, to, rest.p != NULL ? rest : STR_OF(""));
			return ++k->links <= LINKS_MAX;
		}
		buf_fini(&k->dir);
		k->dir = path;
	}
	if (rest.p == NULL)
		return false;
	memmove(k->rest.p, rest.p, rest.n);
	k->rest.n = rest.n;
	return true;
}

void
watch_path(struct watch *w, const char *path)
{
	struct walk k = { .links = 0 };
	char here[PATH_MAX];

	if (path[0] == '/' || getcwd(here, sizeof(here)) == NULL)
		set(&k.dir, STR_OF("/"));
	else
		set(&k.dir, str_of(here));
	set(&k.rest, str_of(path));
	while (step(w, &k))
		;
	buf_fini(&k.dir);
	buf_fini(&k.rest);
}

static int
by_number(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

void
watch_end(struct watch *w)
{
	int *now = mem_zalloc(w->directories.count, sizeof(*now));
	size_t n = 0;

	for (const struct directory *d = w->newest; d != NULL; d = d->before) {
		if (d->descriptor != -1)
			now[n++] = d->descriptor;
	}
	qsort(now, n, sizeof(*now), by_number);
	/* Those that are left are of no use any more; one that is gone already is no error. */
	for (size_t i = 0; i < w->ndescriptors; i++) {
		if (bsearch(&w->descriptors[i], now, n, sizeof(*now), by_number) == NULL)
			(void)inotify_rm_watch(w->inotify.fd, w->descriptors[i]);
	}
	mem_free(w->descriptors);
	w->descriptors = now;
	w->ndescriptors = n;
}
