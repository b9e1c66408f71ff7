/*
 * files_find.c - which file a request means: try_files, indices, compressed neighbours.
 *
 *	x->path ─► name ─┬─► file ─► neighbour
 *	                 └─► directory ─► index, list, redirect
 *	try_files: the same for each path in turn
 */
#include "proxy/files/files_find.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/check.h"
#include "http/negotiate.h"
#include "proxy/text/escape.h"

/* ---- names */

static bool
is_hidden(struct str segment, bool first)
{
	if (segment.n == 0 || segment.p[0] != '.')
		return false;
	return !(first && str_eq(segment, STR_OF(".well-known")));	/* RFC 8615 */
}

/* What is left of escapes in a normalised path: "%25" is decoded here, the others are no name. */
static size_t
decode(struct str path, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < path.n; i++) {
		out[n] = path.p[i];
		if (path.p[i] == '%') {
			if (!str_starts(str_skip(path, i), STR_OF("%25")))
				return SIZE_MAX;
			i += 2;
		}
		if (out[n++] == '\\')
			return SIZE_MAX;
	}
	return n;
}

struct str
files_name(struct arena *arena, struct str path)
{
	char *p = arena_alloc(arena, path.n + 1);
	struct str name, rest, segment;
	bool first = true;
	size_t n;

	if (path.n == 0 || path.p[0] != '/' || (n = decode(str_skip(path, 1), p)) == SIZE_MAX ||
	    memchr(p, '\0', n) != NULL)
		return (struct str){ NULL, 0 };
	p[n] = '\0';
	name = rest = str_make(p, n);
	while (str_cut(&rest, '/', &segment)) {
		if (is_hidden(segment, first))
			return (struct str){ NULL, 0 };
		first = false;
	}
	return name;
}

static bool
is_directory_name(struct str name)
{
	return name.n == 0 || name.p[name.n - 1] == '/';
}

/* ---- failures */

static const char no_index[] = "no-index";

static enum files_result
refuse(struct files_found *found, int status, const char *why, const char *text)
{
	found->status = status;
	found->why = why;
	found->text = text;
	return FILES_REFUSED;
}

static enum files_result
refuse_missing(struct files_found *found)
{
	return refuse(found, 404, "no-file", "there is no such file");
}

/* What an error of open() means for the client. */
static enum files_result
refuse_errno(struct files_found *found)
{
	switch (errno) {
	case EACCES:
	case EPERM:
		return refuse(found, 403, "file-denied", "the worker may not read the file");
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return refuse(found, 503, "no-descriptors", "no descriptor left for a file");
	case EAGAIN:
	case EINTR:
		return refuse(found, 503, "file-busy", "a file that is renamed all the time");
	case EXDEV:
		return refuse(found, 404, "no-file", "a link that leads outside");
	case ENOENT:
	case ENOTDIR:
	case EISDIR:
	case ELOOP:
	case ENAMETOOLONG:
	case EINVAL:			/* a name that this file system cannot have */
	case EILSEQ:
	case ENXIO:			/* sockets, devices without a driver */
	case ENODEV:
		return refuse_missing(found);
	default:
		return refuse(found, 500, "file-error", "a file cannot be opened");
	}
}

static bool
is_missing(const struct files_found *found)
{
	return found->status == 404;
}

/* ---- opening */

/* Opens what has this name; `found` has what it is. */
static enum files_result
open_name(const struct files_site *site, struct str name, int flags, struct files_found *found)
{
	found->fd = files_root_open(site->root, name.p, O_RDONLY | flags);
	if (found->fd == -1)
		return refuse_errno(found);
	if (fstat(found->fd, &found->st) == 0)
		return FILES_FILE;
	refuse_errno(found);
	close(found->fd);
	return FILES_REFUSED;
}

/* Closes what was opened for nothing. */
static enum files_result
drop(struct files_found *found, enum files_result result)
{
	close(found->fd);
	found->fd = -1;
	return result;
}

/* A compressed copy that is at least as new as the file takes its place, if the client likes it. */
static void
take_neighbour(struct exchange *x, const struct files_site *site, struct files_found *found)
{
	unsigned order[NEGOTIATE_MAX];
	unsigned n = negotiate_codings(&x->request->fields, site->codings, site->ncodings, order);

	for (unsigned i = 0; i < n; i++) {
		struct files_found other;
		struct str name = arena_printf(&x->stream->arena, "%.*s%s", STR_ARG(found->name),
		    site->endings[order[i]]);

		if (open_name(site, name, 0, &other) != FILES_FILE)
			continue;
		if (!S_ISREG(other.st.st_mode) || other.st.st_mtime < found->st.st_mtime) {
			drop(&other, FILES_REFUSED);
			continue;
		}
		close(found->fd);
		found->fd = other.fd;
		found->st = other.st;
		found->coding = site->codings[order[i]];
		return;
	}
}

static enum files_result
take_file(struct exchange *x, const struct files_site *site, struct str name,
    struct files_found *found)
{
	found->name = name;
	if (site->ncodings > 0)
		take_neighbour(x, site, found);
	return FILES_FILE;
}

/* Also of one whose content the worker may not read; errno tells why it is none. */
static bool
is_directory(const struct files_site *site, struct str name)
{
	int fd = files_root_open(site->root, name.p, O_PATH | O_DIRECTORY);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Why nothing of a directory can be shown. */
static enum files_result
refuse_directory(const struct files_site *site, struct str name, struct files_found *found)
{
	if (!is_directory(site, name))
		return refuse_errno(found);
	return refuse(found, 403, no_index, "a directory without an index file");
}

/* `name` is empty or ends in a slash. */
static enum files_result
find_in_directory(struct exchange *x, const struct files_site *site, struct str name,
    struct files_found *found)
{
	const struct conf_policy *c = site->conf->policy;

	for (unsigned i = 0; i < c->index.n; i++) {
		struct str file = arena_printf(&x->stream->arena, "%.*s%.*s", STR_ARG(name),
		    STR_ARG(c->index.v[i]));

		if (open_name(site, file, 0, found) == FILES_FILE) {
			if (S_ISREG(found->st.st_mode))
				return take_file(x, site, file, found);
			drop(found, FILES_REFUSED);
		} else if (!is_missing(found)) {
			return FILES_REFUSED;
		}
	}
	found->name = name;
	if (c->autoindex)
		return open_name(site, name, O_DIRECTORY, found) == FILES_FILE ? FILES_LIST :
		    FILES_REFUSED;
	return refuse_directory(site, name, found);
}

static struct str
with_slash(struct exchange *x, struct str name)
{
	return arena_printf(&x->stream->arena, "%.*s/", STR_ARG(name));
}

/* A directory that is named without its slash. */
static enum files_result
add_slash(struct exchange *x, const struct files_site *site, struct str name,
    struct files_found *found)
{
	/* After a rewrite the client's own path may have one already. */
	if (is_directory_name(x->request->path))
		return find_in_directory(x, site, with_slash(x, name), found);
	return FILES_REDIRECT;
}

static enum files_result
find_path(struct exchange *x, const struct files_site *site, struct files_found *found)
{
	struct str name = files_name(&x->stream->arena, x->path);

	if (name.p == NULL)
		return refuse_missing(found);
	if (is_directory_name(name))
		return find_in_directory(x, site, name, found);
	if (open_name(site, name, 0, found) != FILES_FILE)
		return found->status == 403 && is_directory(site, name) ?
		    add_slash(x, site, name, found) : FILES_REFUSED;
	if (S_ISREG(found->st.st_mode))
		return take_file(x, site, name, found);
	if (S_ISDIR(found->st.st_mode)) {
		drop(found, FILES_REDIRECT);
		return add_slash(x, site, name, found);
	}
	refuse(found, 404, "no-file", "no regular file");
	return drop(found, FILES_REFUSED);
}

/* ---- try_files */

/* The path that a template gives, where $uri is the path below the root. */
static struct str
eval_path(struct exchange *x, const struct template *t)
{
	struct str client_path = x->request->path, text;
	struct buf out = { NULL, 0, 0 };
	ptrdiff_t mark;

	x->request->path = x->path;
	template_write_uri(t, x, false, &out);
	x->request->path = client_path;
	text = buf_view(&out);
	if ((mark = str_find(text, '?')) >= 0)
		text.n = (size_t)mark;
	text = arena_printf(&x->stream->arena, "%s%.*s",
	    str_starts(text, STR_OF("/")) ? "" : "/", STR_ARG(text));
	buf_fini(&out);
	text = target_normalise(&x->stream->arena, text);
	return text.p != NULL ? files_name(&x->stream->arena, text) : text;
}

/* Whether the name is the client's path with a slash that the client left out. */
static bool
lacks_slash(struct exchange *x, struct str name)
{
	struct str own = files_name(&x->stream->arena, x->path);

	return own.p != NULL && !is_directory_name(x->request->path) && name.n == own.n + 1 &&
	    str_starts(name, own);
}

static enum files_result
try_name(struct exchange *x, const struct files_site *site, struct str name,
    struct files_found *found)
{
	enum files_result r;

	if (!is_directory_name(name)) {
		if (open_name(site, name, 0, found) != FILES_FILE)
			return FILES_REFUSED;
		if (S_ISREG(found->st.st_mode))
			return take_file(x, site, name, found);
		refuse_missing(found);
		return drop(found, FILES_REFUSED);
	}
	r = find_in_directory(x, site, name, found);
	/* A directory with nothing to show does not count as one that exists. */
	if (r == FILES_REFUSED && found->why == no_index)
		refuse_missing(found);
	if (r != FILES_REFUSED && lacks_slash(x, name))
		return drop(found, FILES_REDIRECT);
	return r;
}

static enum files_result
find_first(struct exchange *x, const struct files_site *site, struct files_found *found)
{
	for (unsigned i = 0; i < site->ntry_files; i++) {
		struct str name = eval_path(x, site->try_files[i]);
		enum files_result r;

		if (name.p == NULL)
			continue;
		r = try_name(x, site, name, found);
		if (r != FILES_REFUSED || !is_missing(found))
			return r;
	}
	if (site->conf->files_backend != NULL)
		return FILES_NONE;
	return refuse(found, site->try_status, "no-file", "none of try_files exists");
}

enum files_result
files_find(struct exchange *x, const struct files_site *site, struct files_found *found)
{
	*found = (struct files_found){ .fd = -1 };
	return site->ntry_files > 0 ? find_first(x, site, found) : find_path(x, site, found);
}
