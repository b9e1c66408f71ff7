/*
 * files_list.c - the page that shows what is in a directory.
 */
#include "proxy/files/files_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "proxy/answer.h"
#include "proxy/text/escape.h"

enum { SEEN_MAX = 2 * FILES_LIST_MAX };	/* entries looked at, those not shown included */

struct entry {
	struct str name;
	bool is_dir;
	off_t size;
	time_t changed;
};

struct list {
	struct arena arena;		/* names */
	struct entry *v;
	unsigned n;
	unsigned cap;
	bool cut;			/* there are more */
};

/* ---- reading */

/* What a link leads to, if it may be asked for. */
static bool
stat_link(const struct files_site *site, struct str dir, const char *name, struct stat *st)
{
	struct buf path = { NULL, 0, 0 };
	bool ok;
	int fd;

	buf_str(&path, dir);
	buf_cstr(&path, name);
	fd = files_root_open(site->root, buf_text(&path), O_PATH);
	buf_fini(&path);
	if (fd == -1)
		return false;
	ok = fstat(fd, st) == 0;
	close(fd);
	return ok;
}

static void
add_entry(struct list *l, struct str name, const struct stat *st)
{
	if (l->n == l->cap) {
		l->cap = l->cap > 0 ? l->cap * 2 : 64;
		l->v = mem_realloc(l->v, l->cap, sizeof(l->v[0]));
	}
	l->v[l->n++] = (struct entry){ arena_str(&l->arena, name), S_ISDIR(st->st_mode),
	    st->st_size, st->st_mtime };
}

static void
look_at(struct list *l, const struct files_site *site, struct str dir, int fd, const char *name)
{
	struct stat st;

	if (name[0] == '.' || strchr(name, '\\') != NULL)
		return;			/* could not be asked for */
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return;			/* just removed */
	if (S_ISLNK(st.st_mode) && !stat_link(site, dir, name, &st))
		return;
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		add_entry(l, str_of(name), &st);
}

/* The next entry; NULL at the end with errno 0, or with errno. */
static const struct dirent *
next_entry(DIR *dir)
{
	errno = 0;
	return readdir(dir);
}

/* 0, or errno.  The descriptor is closed. */
static int
read_list(struct list *l, const struct files_site *site, struct str name, int fd)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *e;
	int error;

	if (dir == NULL) {
		error = errno;
		close(fd);
		return error;
	}
	for (unsigned seen = 0; (e = next_entry(dir)) != NULL; seen++) {
		if (l->n == FILES_LIST_MAX || seen == SEEN_MAX) {
			l->cut = true;
			break;
		}
		look_at(l, site, name, dirfd(dir), e->d_name);
	}
	error = e == NULL ? errno : 0;
	closedir(dir);
	return error;
}

/* Directories first, then by name. */
static int
in_order(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->is_dir != y->is_dir)
		return x->is_dir ? -1 : 1;
	return str_cmp(x->name, y->name);
}

/* ---- writing */

static const struct str style = STR(
	"<style>body{font:16px/1.5 system-ui,sans-serif;margin:2em}"
	"table{border-spacing:0}td,th{padding:0 2em 0 0;text-align:left;white-space:nowrap}"
	".n{text-align:right;font-variant-numeric:tabular-nums}"
	"@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#8bf}}"
	"</style>\n");

/* In bytes, or three digits with a unit. */
static void
put_size(struct buf *out, off_t size)
{
	static const char units[] = "KMGTPE";
	double n = (double)size;
	int unit = -1;

	while (n >= 999.5 && units[unit + 1] != '\0') {
		n /= 1024;
		unit++;
	}
	if (unit < 0)
		buf_printf(out, "%d", (int)size);
	else
		buf_printf(out, n < 9.95 ? "%.1f %ciB" : "%.0f %ciB", n, units[unit]);
}

static void
put_entry(struct buf *out, const struct entry *e)
{
	const char *slash = e->is_dir ? "/" : "";
	struct buf link = { NULL, 0, 0 };
	char date[32] = "";
	struct tm tm;

	if (gmtime_r(&e->changed, &tm) != NULL)
		(void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
	escape_uri(&link, e->name, URI_TEXT, URI_IN_PATH);
	/* "./": a name with a colon is no URL. */
	buf_cstr(out, "<tr><td><a href=\"./");
	escape_html(out, buf_view(&link));
	buf_fini(&link);
	buf_printf(out, "%s\">", slash);
	escape_html(out, e->name);
	buf_printf(out, "%s</a></td><td class=\"n\">", slash);
	if (!e->is_dir)
		put_size(out, e->size);
	buf_printf(out, "</td><td class=\"n\">%s</td></tr>\n", date);
}

static void
put_page(struct exchange *x, const struct list *l, struct buf *out)
{
	struct str path = x->request->path;

	buf_cstr(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Index of ");
	escape_html(out, path);
	buf_cstr(out, "</title>\n");
	buf_str(out, style);
	buf_cstr(out, "<h1>Index of ");
	escape_html(out, path);
	buf_cstr(out, "</h1>\n<table>\n<tr><th>Name</th><th class=\"n\">Size</th>"
	    "<th class=\"n\">Changed (UTC)</th></tr>\n");
	if (path.n > 1)
		buf_cstr(out, "<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
	for (unsigned i = 0; i < l->n; i++)
		put_entry(out, &l->v[i]);
	buf_cstr(out, "</table>\n");
	if (l->cut)
		buf_printf(out, "<p>There is more: this page ends after %u entries.</p>\n", l->n);
	buf_cstr(out, "</html>\n");
}

void
files_list(struct exchange *x, const struct files_site *site, struct files_found *found)
{
	struct list l = { .v = NULL };
	struct buf page = { NULL, 0, 0 };
	int error;

	arena_init(&l.arena);
	error = read_list(&l, site, found->name, found->fd);
	if (error != 0) {
		errno = error;
		exchange_fail(x, 500, "file-error", "%.*s: a directory cannot be read: %m",
		    STR_ARG(x->conf->files));
	} else {
		if (l.n > 0)
			qsort(l.v, l.n, sizeof(l.v[0]), in_order);
		put_page(x, &l, &page);
		answer_send_buf(x, answer_new(x, 200), STR_OF("text/html; charset=utf-8"), &page);
	}
	mem_free(l.v);
	arena_fini(&l.arena);
}
