/*
 * files.c - static files: the source of routes with `files`.
 */
#include "proxy/files/files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"
#include "proxy/answer.h"
#include "proxy/files/files_body.h"
#include "proxy/files/files_find.h"
#include "proxy/files/files_list.h"
#include "proxy/files/files_response.h"
#include "proxy/files/mime.h"
#include "proxy/runtime.h"
#include "proxy/text/escape.h"

struct files {
	const struct conf_snapshot *conf;
	struct files_site *sites;	/* by route index */
	struct files_root **roots;
	int *fds;			/* of the roots */
	unsigned nroots;
	struct mime *mime;
};

/* ---- at load */

static const struct {
	struct str name;
	const char *ending;
} codings[] = {
	[CODING_GZIP] = { STR("gzip"), ".gz" },
	[CODING_BR] = { STR("br"), ".br" },
	[CODING_ZSTD] = { STR("zstd"), ".zst" },
};

static void
compile_codings(struct files_site *site, const unsigned char wanted[CONF_CODINGS])
{
	unsigned n = 0;

	for (; n < CONF_CODINGS && wanted[n] != CODING_NONE; n++) {
		site->codings[n] = codings[wanted[n]].name;
		site->endings[n] = codings[wanted[n]].ending;
	}
	site->ncodings = n;
}

static void
compile_try_files(struct files_site *site, const char *what, const struct capture_names *names,
    struct conf_errors *errors)
{
	const struct template_scope scope = { .names = names };
	const struct conf_tries *tries = &site->conf->policy->try_files;
	char name[96];

	snprintf(name, sizeof(name), "%s try_files", what);
	site->try_files = mem_zalloc(tries->n, sizeof(site->try_files[0]));
	site->try_status = 404;
	for (unsigned i = 0; i < tries->n; i++) {
		const struct conf_try *word = &tries->v[i];

		if (word->path.p != NULL)
			site->try_files[site->ntry_files++] = template_new_in(&scope, word->path,
			    errors, site->conf->at, name);
		else if (word->status != 0)
			site->try_status = word->status;
	}
}

/* Routes with the same directory have one descriptor for it. */
static struct files_root *
shared_root(struct files *f, struct map *known, const struct conf_route *c, const char *what,
    struct conf_errors *errors)
{
	struct files_root *root = map_get(known, c->files);

	if (root != NULL)
		return root;
	root = files_root_new(c->files, c->action_at, what, errors);
	if (root == NULL)
		return NULL;
	(void)map_add(known, c->files, root);
	f->fds[f->nroots] = files_root_fd(root);
	f->roots[f->nroots++] = root;
	return root;
}

static void
compile_site(struct files *f, struct map *known, const struct conf_route *c,
    const struct capture_names *names, struct conf_errors *errors)
{
	struct files_site *site = &f->sites[c->index];
	char what[64];

	snprintf(what, sizeof(what), "[route %.*s]", STR_ARG(c->name));
	site->conf = c;
	site->root = shared_root(f, known, c, what, errors);
	compile_codings(site, c->policy->precompressed);
	compile_try_files(site, what, names, errors);
}

static void
read_types(struct files *f, const struct conf_route *c, struct conf_errors *errors)
{
	int error;

	f->mime = mime_new(MIME_FILE, &error);
	if (error != 0 && error != ENOENT)
		conf_warning(errors, c->at, "[route %.*s] files: %s: %s (only well-known endings"
		    " have a type now)", STR_ARG(c->name), MIME_FILE, strerror(error));
}

struct files *
files_new(const struct conf_snapshot *snapshot, const struct capture_names *names,
    struct conf_errors *errors)
{
	struct files *f = MEM_NEW(struct files);
	struct map known;

	f->conf = snapshot;
	f->sites = mem_zalloc(snapshot->nroutes, sizeof(f->sites[0]));
	f->roots = mem_zalloc(snapshot->nroutes, sizeof(struct files_root *));
	f->fds = mem_zalloc(snapshot->nroutes, sizeof(int));
	map_init(&known);
	for (unsigned i = 0; i < snapshot->nroutes; i++) {
		const struct conf_route *c = snapshot->routes[i];

		if (c->action != ACTION_FILES)
			continue;
		compile_site(f, &known, c, names, errors);
		if (f->mime == NULL)
			read_types(f, c, errors);
	}
	map_fini(&known);
	return f;
}

static void
free_site(struct files_site *site)
{
	for (unsigned i = 0; i < site->ntry_files; i++)
		template_free(site->try_files[i]);
	mem_free(site->try_files);
}

void
files_free(struct files *f)
{
	if (f == NULL)
		return;
	for (unsigned i = 0; i < f->conf->nroutes; i++)
		free_site(&f->sites[i]);
	for (unsigned i = 0; i < f->nroots; i++)
		files_root_free(f->roots[i]);
	mem_free(f->sites);
	mem_free(f->roots);
	mem_free(f->fds);
	mime_free(f->mime);
	mem_free(f);
}

unsigned
files_fds(const struct files *f, const int **fds)
{
	*fds = f->fds;
	return f->nroots;
}

void
files_start(struct files *f)
{
	if (f->conf->global.chroot.p != NULL)
		return;
	for (unsigned i = 0; i < f->nroots; i++)
		files_root_follow(f->roots[i]);
}

/* ---- what is found becomes a source: one for what is read, one for what is only said */

struct file {
	const struct files_site *site;
	struct str type;
	struct files_found found;
};

static enum source_start
start_file(struct exchange *x)
{
	struct file *f = x->source_state;

	x->source_state = NULL;
	files_respond(x, f->site, f->type, &f->found);
	return SOURCE_TAKEN;
}

static void
resume_file(struct exchange *x)
{
	if (x->source_state != NULL)
		files_body_send(x->source_state);
}

static void
cancel_file(struct exchange *x)
{
	if (x->source_state != NULL)
		files_body_end(x->source_state);
	x->source_state = NULL;
}

static const struct source source_file = {
	.name = "files",
	.start = start_file,
	.resume = resume_file,
	.cancel = cancel_file,
};

/* To the same path with a slash, so that relative links in an index work. */
static enum source_start
redirect(struct exchange *x)
{
	const struct target *t = &x->request->target;
	struct response *r = answer_new(x, 301);
	struct buf url = { NULL, 0, 0 };

	/* Normalised, so never two slashes first, which would name another host. */
	escape_uri(&url, x->request->path, URI_PATH, URI_IN_PATH);
	fields_add_id(&r->fields, FIELD_LOCATION, arena_printf(&x->stream->arena, "%.*s/%s%.*s",
	    STR_ARG(buf_view(&url)), t->query.p != NULL ? "?" : "", STR_ARG(t->query)));
	buf_fini(&url);
	answer_send(x, r, (struct str){ NULL, 0 }, STR_OF(""));
	return SOURCE_TAKEN;
}

static const struct source source_slash = { .name = "files", .start = redirect };

static void
serve_file(struct exchange *x, const struct files_site *site, const struct files_found *found)
{
	struct file *f = ARENA_NEW(&x->stream->arena, struct file);

	*f = (struct file){ site, mime_type(x->runtime->files->mime, found->name), *found };
	(void)exchange_set_source(x, &source_file, f);
}

bool
files_reads(const struct exchange *x)
{
	return x->request->method_id == METHOD_GET || x->request->method_id == METHOD_HEAD;
}

/* Looks for what is meant, and starts the source that answers with it. */
static enum source_start
serve(struct exchange *x)
{
	const struct files_site *site = &x->runtime->files->sites[x->conf->index];
	struct files_found found;

	switch (files_find(x, site, &found)) {
	case FILES_FILE:
		serve_file(x, site, &found);
		break;
	case FILES_LIST:
		files_list(x, site, &found);
		break;
	case FILES_REDIRECT:
		(void)exchange_set_source(x, &source_slash, NULL);
		break;
	case FILES_REFUSED:
		exchange_fail(x, found.status, found.why, "%.*s: %s", STR_ARG(x->conf->files),
		    found.text);
		break;
	case FILES_NONE:
		return SOURCE_DECLINED;
	}
	return SOURCE_TAKEN;
}

static enum source_start
start(struct exchange *x)
{
	if (files_reads(x))
		return x->runtime->dry ? SOURCE_TAKEN : serve(x);
	if (x->conf->files_backend != NULL)
		return SOURCE_DECLINED;
	fields_add(&x->error_fields, STR_OF("Allow"), STR_OF("GET, HEAD"));
	exchange_fail(x, 405, "method", "files are only read");
	return SOURCE_TAKEN;
}

const struct source source_files = { .name = "files", .start = start };
