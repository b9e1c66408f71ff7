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

enum { DIR_BYTES = 32768 };		/* what readdir() buffers */

struct files_entries {
	struct files_root *root;
	struct str dir_name;
	DIR *dir;			/* NULL: read to its end */
	unsigned seen;
	bool cut;
	struct arena arena;		/* the entries */
	size_t arena_bytes;
	const struct files_entry **v;	/* a heap: none stands before v[(i - 1) / 2] */
	unsigned n;
	unsigned cap;
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

static void
close_dir(struct files_entries *e)
{
	if (e->dir != NULL)
		closedir(e->dir);
	e->dir = NULL;
}

void
files_entries_free(struct files_entries *e)
{
	if (e == NULL)
		return;
	close_dir(e);
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
	return strcmp(a->name, b->name) < 0;
}

static void
swap(const struct files_entry **a, const struct files_entry **b)
{
	const struct files_entry *old = *a;

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
	e->v[e->n++] = entry;
	for (; i > 0 && is_before(e->v[i], e->v[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&e->v[i], &e->v[(i - 1) / 2]);
}

const struct files_entry *
files_entries_take(struct files_entries *e)
{
	const struct files_entry *first;
	unsigned i = 0, child;

	if (e->n == 0)
		return NULL;
	first = e->v[0];
	e->v[0] = e->v[--e->n];
	for (; (child = 2 * i + 1) < e->n; i = child) {
		if (child + 1 < e->n && is_before(e->v[child + 1], e->v[child]))
			child++;
		if (!is_before(e->v[child], e->v[i]))
			break;
		swap(&e->v[child], &e->v[i]);
	}
	return first;
}

bool
files_entries_empty(const struct files_entries *e)
{
	return e->n == 0;
}

size_t
files_entries_bytes(const struct files_entries *e)
{
	return e->arena_bytes + e->cap * sizeof(e->v[0]) + (e->dir != NULL ? DIR_BYTES : 0);
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

/* What an entry takes of the arena. */
static size_t
entry_size(size_t name_size)
{
	size_t size = offsetof(struct files_entry, name) + name_size;

	return (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
}

static void
add(struct files_entries *e, const char *name, const struct stat *st)
{
	size_t name_size = strlen(name) + 1, size = entry_size(name_size);
	struct files_entry *entry = arena_alloc(&e->arena, size);

	entry->size = st->st_size;
	entry->changed = st->st_mtime;
	entry->is_dir = S_ISDIR(st->st_mode);
	memcpy(entry->name, name, name_size);
	e->arena_bytes += size;
	push(e, entry);
}

/* Whether the list has it, and then what it is. */
static bool
is_listed(const struct files_entries *e, const char *name, struct stat *st)
{
	if (name[0] == '.' || strchr(name, '\\') != NULL)
		return false;		/* could not be asked for */
	if (fstatat(dirfd(e->dir), name, st, AT_SYMLINK_NOFOLLOW) == -1)
		return false;		/* just removed */
	if (S_ISLNK(st->st_mode) && !stat_link(e, name, st))
		return false;
	return S_ISREG(st->st_mode) || S_ISDIR(st->st_mode);
}

/* The directory is of no use while the list is sent. */
static enum files_entries_result
complete(struct files_entries *e)
{
	close_dir(e);
	return ENTRIES_COMPLETE;
}

static enum files_entries_result
cut(struct files_entries *e)
{
	e->cut = true;
	return complete(e);
}

enum files_entries_result
files_entries_read(struct files_entries *e, unsigned n)
{
	const struct dirent *d;
	struct stat st;

	for (; n > 0; n--, e->seen++) {
		errno = 0;
		d = readdir(e->dir);
		if (d == NULL)
			return errno == 0 ? complete(e) : ENTRIES_FAILED;
		if (e->seen == FILES_ENTRIES_SEEN)
			return cut(e);
		if (!is_listed(e, d->d_name, &st))
			continue;
		if (e->n == FILES_ENTRIES_MAX)
			return cut(e);
		add(e, d->d_name, &st);
	}
	return ENTRIES_MORE;
}

bool
files_entries_cut(const struct files_entries *e)
{
	return e->cut;
}
