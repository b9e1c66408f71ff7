/*
 * files_entries.c - what is in a directory: read in pieces, given in order.
 */
#include "proxy/files/files_entries.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"

struct files_entries {
	struct files_root *root;
	struct str dir_name;
	DIR *dir;
	unsigned seen;
	bool cut;
	struct arena arena;		/* names */
	struct files_entry *v;		/* a heap: none stands before v[(i - 1) / 2] */
	unsigned n;
	unsigned cap;
	struct files_entry taken;
};

struct files_entries *
files_entries_new(struct files_root *root, struct str name, int fd)
{
	DIR *dir = fdopendir(fd);
	struct files_entries *e;
	int error;

	if (dir == NULL) {
		error = errno;
		close(fd);
		errno = error;
		return NULL;
	}
	e = MEM_NEW(struct files_entries);
	e->root = root;
	e->dir_name = name;
	e->dir = dir;
	arena_init(&e->arena);
	return e;
}

void
files_entries_free(struct files_entries *e)
{
	if (e == NULL)
		return;
	closedir(e->dir);
	arena_fini(&e->arena);
	mem_free(e->v);
	mem_free(e);
}

/* ---- order */

/* Directories first, then by name. */
static bool
is_before(const struct files_entry *a, const struct files_entry *b)
{
	if (a->is_dir != b->is_dir)
		return a->is_dir;
	return str_cmp(a->name, b->name) < 0;
}

static void
swap(struct files_entry *a, struct files_entry *b)
{
	struct files_entry old = *a;

	*a = *b;
	*b = old;
}

static void
push(struct files_entries *e, const struct files_entry *entry)
{
	unsigned i = e->n;

	if (e->n == e->cap) {
		e->cap = e->cap > 0 ? e->cap * 2 : 64;
		e->v = mem_realloc(e->v, e->cap, sizeof(e->v[0]));
	}
	e->v[e->n++] = *entry;
	for (; i > 0 && is_before(&e->v[i], &e->v[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&e->v[i], &e->v[(i - 1) / 2]);
}

const struct files_entry *
files_entries_take(struct files_entries *e)
{
	unsigned i = 0, child;

	if (e->n == 0)
		return NULL;
	e->taken = e->v[0];
	e->v[0] = e->v[--e->n];
	for (; (child = 2 * i + 1) < e->n; i = child) {
		if (child + 1 < e->n && is_before(&e->v[child + 1], &e->v[child]))
			child++;
		if (!is_before(&e->v[child], &e->v[i]))
			break;
		swap(&e->v[child], &e->v[i]);
	}
	return &e->taken;
}

bool
files_entries_empty(const struct files_entries *e)
{
	return e->n == 0;
}

/* ---- reading */

/* What a link leads to, if it may be asked for. */
static bool
stat_link(const struct files_entries *e, const char *name, struct stat *st)
{
	struct buf path = { NULL, 0, 0 };
	bool ok;
	int fd;

	buf_str(&path, e->dir_name);
	buf_cstr(&path, name);
	fd = files_root_open(e->root, buf_text(&path), O_PATH);
	buf_fini(&path);
	if (fd == -1)
		return false;
	ok = fstat(fd, st) == 0;
	close(fd);
	return ok;
}

static void
look_at(struct files_entries *e, const char *name)
{
	struct files_entry entry;
	struct stat st;

	if (name[0] == '.' || strchr(name, '\\') != NULL)
		return;			/* could not be asked for */
	if (fstatat(dirfd(e->dir), name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return;			/* just removed */
	if (S_ISLNK(st.st_mode) && !stat_link(e, name, &st))
		return;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return;
	entry = (struct files_entry){ arena_str(&e->arena, str_of(name)), S_ISDIR(st.st_mode),
	    st.st_size, st.st_mtime };
	push(e, &entry);
}

enum files_entries_result
files_entries_read(struct files_entries *e, unsigned n)
{
	const struct dirent *d;

	for (; n > 0; n--, e->seen++) {
		errno = 0;
		d = readdir(e->dir);
		if (d == NULL)
			return errno == 0 ? ENTRIES_COMPLETE : ENTRIES_FAILED;
		if (e->n == FILES_ENTRIES_MAX || e->seen == FILES_ENTRIES_SEEN) {
			e->cut = true;
			return ENTRIES_COMPLETE;
		}
		look_at(e, d->d_name);
	}
	return ENTRIES_MORE;
}

bool
files_entries_cut(const struct files_entries *e)
{
	return e->cut;
}
