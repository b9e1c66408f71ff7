/*
 * types_files.c - where static content comes from: directories and object storage.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "conf/table.h"
#include "conf/types.h"

enum { BUCKET_NAME_MAX = 255 };

bool
conf_directory(struct conf_parse *c, struct str text, void *place)
{
	struct str *path = place;
	struct stat st;

	if (!conf_absolute_path(c, text, path))
		return false;
	if (c->document->sandbox)
		return true;
	if (stat(path->p, &st) < 0) {
		conf_bad(c, "%.*s: cannot be used: %s", STR_ARG(conf_shown(c, *path)),
		    strerror(errno));
		return false;
	}
	if (!S_ISDIR(st.st_mode))
		conf_bad(c, "%.*s is no directory", STR_ARG(conf_shown(c, *path)));
	return S_ISDIR(st.st_mode);
}

static bool
file_name(struct conf_parse *c, struct str word)
{
	struct str name = arena_str(c->arena, word);

	if (name.n > 0 && name.p[0] != '.' && str_find(name, '/') < 0) {
		conf_item(c, &name);
		return true;
	}
	conf_bad(c, "\"%.*s\" is no name of a file (use index.html, without / and no dot file)",
	    STR_ARG(conf_shown(c, name)));
	return false;
}

bool
conf_file_names(struct conf_parse *c, struct str text, void *place)
{
	(void)place;
	return conf_each_word(c, text, file_name);
}

/* What stands behind a status or a backend is never tried. */
static bool
is_complete(const struct conf_parse *c)
{
	struct conf_try last;

	if (c->nitems == 0)
		return false;
	memcpy(&last, c->items.p + (c->nitems - 1) * sizeof(last), sizeof(last));
	return last.path.p == NULL;
}

/* `@NAME` */
static bool
try_backend(struct conf_parse *c, struct str name, struct conf_try *item)
{
	if (c->nitems == 0) {
		conf_bad(c, "no file is tried before the backend (add $uri before it, or use"
		    " backend instead of files)");
		return false;
	}
	item->backend = conf_refer(c, c->row->ref, name);
	return item->backend != NULL;
}

static bool
try_word(struct conf_parse *c, struct str word, struct conf_try *item)
{
	if (str_starts(word, STR_OF("/")) || str_starts(word, STR_OF("$"))) {
		item->path = arena_str(c->arena, word);
		return true;
	}
	if (str_starts(word, STR_OF("=")) &&
	    conf_status(str_skip(word, 1), 400, 599, &item->status))
		return true;
	if (str_starts(word, STR_OF("@")) && word.n > 1)
		return try_backend(c, str_skip(word, 1), item);
	conf_bad(c, "\"%.*s\" is neither a path nor a status (use $uri $uri/ /index.html, or =404"
	    " or @BACKEND as the last)", STR_ARG(conf_shown(c, word)));
	return false;
}

static bool
try_file(struct conf_parse *c, struct str word)
{
	struct conf_try item = { .status = 0 };

	if (is_complete(c)) {
		conf_bad(c, "\"%.*s\" is never tried (a status or a backend is the last one)",
		    STR_ARG(conf_shown(c, word)));
		return false;
	}
	if (!try_word(c, word, &item))
		return false;
	conf_item(c, &item);
	return true;
}

bool
conf_try_files(struct conf_parse *c, struct str text, void *place)
{
	(void)place;
	return conf_each_word(c, text, try_file);
}

bool
conf_expires(struct conf_parse *c, struct str text, void *place)
{
	if (!str_eq(text, STR_OF("no-cache")))
		return conf_duration(c, text, place);
	*(msec *)place = -1;
	return true;
}

bool
conf_endpoint(struct conf_parse *c, struct str text, void *place)
{
	struct conf_bucket *b = CONTAINER_OF(place, struct conf_bucket, endpoint);
	struct str word;

	if (!conf_single(c, text, &word))
		return false;
	if (!str_starts(word, STR_OF("http://")) && !str_starts(word, STR_OF("https://"))) {
		conf_bad(c, "\"%.*s\" is no URL of a store (use https://s3.example.com)",
		    STR_ARG(conf_shown(c, word)));
		return false;
	}
	b->server = ARENA_NEW(c->arena, struct conf_server);
	if (!conf_server_address(c, b->server, word))
		return false;
	b->endpoint = b->server->text;
	b->endpoint_host = b->server->host_field;
	return true;
}

/* One word of letters, digits and dashes, and what `more` allows besides. */
static bool
plain_word(struct conf_parse *c, struct str text, const char *more, const char *what,
    struct str *place)
{
	if (!conf_single(c, text, place))
		return false;
	for (size_t i = 0; i < place->n; i++) {
		if (char_is(place->p[i], CHAR_ALPHA | CHAR_DIGIT) || place->p[i] == '-' ||
		    strchr(more, place->p[i]) != NULL)
			continue;
		conf_bad(c, "\"%.*s\" is no %s", STR_ARG(conf_shown(c, text)), what);
		return false;
	}
	return true;
}

bool
conf_bucket_name(struct conf_parse *c, struct str text, void *place)
{
	struct str *name = place;

	if (!plain_word(c, text, "._", "name of a bucket (use letters, digits, . and -)", name))
		return false;
	if (name->n <= BUCKET_NAME_MAX && name->p[0] != '.')
		return true;
	conf_bad(c, "\"%.*s\" is no name of a bucket (at most %d bytes, and no dot first)",
	    STR_ARG(conf_shown(c, *name)), BUCKET_NAME_MAX);
	return false;
}

bool
conf_region(struct conf_parse *c, struct str text, void *place)
{
	return plain_word(c, text, "_.", "region (use us-east-1)", place);
}

/* It becomes a part of a list in a header, where commas and slashes divide. */
bool
conf_access_key(struct conf_parse *c, struct str text, void *place)
{
	return plain_word(c, text, "_.+@:", "access key (use letters, digits and -_.+@:)", place);
}

/* It becomes a field of requests.  A secret: no message shows it. */
bool
conf_session_token(struct conf_parse *c, struct str text, void *place)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] > ' ' && text.p[i] < 0x7f)
			continue;
		conf_bad(c, "is no session token (use one word, as it came with the key)");
		return false;
	}
	return conf_text(c, text, place);
}

bool
conf_object_key(struct conf_parse *c, struct str text, void *place)
{
	struct str *key = place;

	if (!conf_single(c, text, key))
		return false;
	if (key->p[0] == '/')
		*key = str_skip(*key, 1);
	if (key->n > 0)
		return true;
	conf_bad(c, "\"%.*s\" is no name of an object (use index.html)",
	    STR_ARG(conf_shown(c, text)));
	return false;
}
