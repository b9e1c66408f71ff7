/*
 * location.c - where servers send clients: their own places, mapped back to those clients know.
 */
#include "proxy/forward/location.h"

#include "http/target.h"
#include "proxy/text/escape.h"

enum { HTTP_PORT = 80, HTTPS_PORT = 443 };

/* ---- paths */

/* Begins `path` with `prefix`, by whole segments? */
static bool
is_below(struct str path, struct str prefix)
{
	return str_starts(path, prefix) && (path.n == prefix.n || path.p[prefix.n] == '/' ||
	    path.p[prefix.n] == '?' || path.p[prefix.n] == '#');
}

/* A path as the client knows it: what stands before the part of the server's path that is kept. */
struct mapped_path {
	struct str insert;
	struct str rest;
};

/* For a path with what may follow it; false when no change leads to it. */
static bool
find_path(const struct location_map *m, struct str path, struct mapped_path *to)
{
	if (!m->paths || m->remove.n + m->insert.n == 0 || !is_below(path, m->remove))
		return false;
	*to = (struct mapped_path){ m->insert, str_skip(path, m->remove.n) };
	if (to->rest.n == 0 && to->insert.n == 0)
		to->rest = STR_OF("/");
	return true;
}

/* `path` itself when it stays as it is. */
static struct str
map_path(const struct location_map *m, struct str path, struct arena *arena)
{
	struct mapped_path to;

	if (!find_path(m, path, &to))
		return path;
	return arena_printf(arena, "%.*s%.*s", STR_ARG(to.insert), STR_ARG(to.rest));
}

/* Where no host stands before it, a path that begins with `//` would name one. */
static struct str
without_host(struct str path, struct arena *arena)
{
	if (!str_starts(path, STR_OF("//")))
		return path;
	return arena_printf(arena, "/.%.*s", STR_ARG(path));
}

/* ---- hosts */

static struct location_host
split_host(struct str text)
{
	struct location_host h = { text, { NULL, 0 }, 0 };

	if (text.p == NULL || !target_authority(text, &h.name, &h.port))
		h.name = (struct str){ NULL, 0 };
	return h;
}

void
location_map_split(struct location_map *m)
{
	m->server = split_host(m->server.text);
	m->told = split_host(m->told.text);
	m->client = split_host(m->client.text);
}

static bool
same_name(const struct location_host *a, const struct location_host *b)
{
	return a->name.p != NULL && b->name.p != NULL && str_ieq(a->name, b->name);
}

/* Whether a URL is on this host, whose port may be left out where it is usual. */
static bool
is_on(const struct location_host *h, const struct location_host *known)
{
	return same_name(h, known) && (h->port == known->port ||
	    (known->port == 0 && (h->port == HTTP_PORT || h->port == HTTPS_PORT)));
}

/* A server that was told a name may add its own port to it. */
static bool
is_on_server(const struct location_map *m, const struct location_host *h)
{
	return is_on(h, &m->server) || is_on(h, &m->told) ||
	    (same_name(h, &m->told) && m->server.name.p != NULL && h->port == m->server.port);
}

/* `scheme://` of a URL, or `//`; 0: it is none of http. */
static size_t
scheme_length(struct str url, bool *https)
{
	static const struct str schemes[] = { STR("//"), STR("http://"), STR("https://") };

	for (size_t i = 0; i < 3; i++) {
		if (url.n < schemes[i].n ||
		    !str_ieq(str_make(url.p, schemes[i].n), schemes[i]))
			continue;
		*https = i == 2;
		return schemes[i].n;
	}
	return 0;
}

static size_t
authority_length(struct str url)
{
	size_t n = 0;

	while (n < url.n && url.p[n] != '/' && url.p[n] != '?' && url.p[n] != '#')
		n++;
	return n;
}

/*
 * A URL on the host that the client used is the site's own business but for its path: a server that
 * knows the name may well mean another scheme than the client's.
 */
static struct str
map_host(const struct location_map *m, struct str url, size_t scheme, size_t authority,
    bool is_client, struct arena *arena)
{
	struct str path = str_skip(url, scheme + authority);
	struct str mapped;

	if (path.n == 0 || path.p[0] != '/')
		path = arena_printf(arena, "/%.*s", STR_ARG(path));
	mapped = map_path(m, path, arena);
	if (m->client.text.p == NULL)
		return without_host(mapped, arena);
	if (is_client) {
		if (mapped.p == path.p)
			return url;
		return arena_printf(arena, "%.*s%.*s", (int)(scheme + authority), url.p,
		    STR_ARG(mapped));
	}
	if (scheme == 2)
		return arena_printf(arena, "//%.*s%.*s", STR_ARG(m->client.text), STR_ARG(mapped));
	return arena_printf(arena, "%.*s://%.*s%.*s", STR_ARG(m->scheme), STR_ARG(m->client.text),
	    STR_ARG(mapped));
}

struct str
location_url(const struct location_map *m, struct str url, struct arena *arena)
{
	bool https = false, is_client;
	size_t scheme = scheme_length(url, &https), n;
	struct location_host host;

	if (scheme == 0)
		return str_starts(url, STR_OF("/")) ?
		    without_host(map_path(m, url, arena), arena) : url;
	n = authority_length(str_skip(url, scheme));
	host = split_host(str_make(url.p + scheme, n));
	if (host.port == 0)
		host.port = https ? HTTPS_PORT : HTTP_PORT;
	is_client = is_on(&host, &m->client);
	if (!is_client && !is_on_server(m, &host))
		return url;
	return map_host(m, url, scheme, n, is_client, arena);
}

/* ---- values that hold one */

struct str
location_refresh(const struct location_map *m, struct str value, struct arena *arena)
{
	struct str url = value, before, mapped;
	size_t end;

	if (!str_cut(&url, ';', &before) || url.p == NULL)
		return value;
	url = str_trim(url);
	if (url.n >= 4 && str_ieq(str_make(url.p, 4), STR_OF("url=")))
		url = str_trim(str_skip(url, 4));
	if (url.n >= 2 && (url.p[0] == '"' || url.p[0] == '\'') && url.p[url.n - 1] == url.p[0])
		url = str_make(url.p + 1, url.n - 2);
	mapped = location_url(m, url, arena);
	if (mapped.p == url.p)
		return value;
	end = (size_t)(url.p + url.n - value.p);
	return arena_printf(arena, "%.*s%.*s%.*s", (int)(url.p - value.p), value.p,
	    STR_ARG(mapped), (int)(value.n - end), value.p + end);
}

/* RFC 6265, 5.2.3: a dot at the beginning means nothing. */
static struct str
map_domain(const struct location_map *m, struct str domain)
{
	struct location_host host = {
		.name = str_starts(domain, STR_OF(".")) ? str_skip(domain, 1) : domain
	};

	if (host.name.n == 0 || m->client.name.p == NULL || same_name(&host, &m->client))
		return domain;
	if (same_name(&host, &m->server) || same_name(&host, &m->told))
		return m->client.name;
	return domain;
}

/* The path `/` covers `/api` too, so what it becomes has no slash at its end. */
static bool
map_cookie_path(const struct location_map *m, struct str path, struct mapped_path *to)
{
	if (path.n == 0 || path.p[0] != '/' || !find_path(m, path, to))
		return false;
	if (to->insert.n > 0 && str_eq(to->rest, STR_OF("/")))
		to->rest.n = 0;
	return true;
}

/* One attribute; true if `*value`, a part of it, is mapped to `*to`. */
static bool
map_attribute(const struct location_map *m, struct str attribute, struct str *value,
    struct mapped_path *to)
{
	struct str name;

	*value = attribute;
	str_cut(value, '=', &name);
	*value = str_trim(*value);
	name = str_trim(name);
	if (str_ieq(name, STR_OF("Path")))
		return map_cookie_path(m, *value, to);
	if (!str_ieq(name, STR_OF("Domain")))
		return false;
	*to = (struct mapped_path){ map_domain(m, *value), STR("") };
	return to->insert.p != value->p;
}

struct str
location_cookie(const struct location_map *m, struct str value, struct arena *arena)
{
	struct str rest = value, left = value, attribute, old, mapped;
	struct buf out = { NULL, 0, 0 };
	struct mapped_path new;

	str_cut(&rest, ';', &attribute);	/* the cookie itself */
	while (out.n <= LOCATION_MAX && str_cut(&rest, ';', &attribute)) {
		if (!map_attribute(m, attribute, &old, &new))
			continue;
		buf_add(&out, left.p, (size_t)(old.p - left.p));
		buf_str(&out, new.insert);
		buf_str(&out, new.rest);
		left = str_skip(left, (size_t)(old.p + old.n - left.p));
	}
	if (left.p == value.p)
		return value;
	buf_str(&out, left);
	mapped = arena_str(arena, buf_view(&out));
	buf_fini(&out);
	return mapped;
}

/* ---- responses */

/* A prefix as it stands in a URL. */
static struct str
as_written(struct str path, struct arena *arena)
{
	struct buf out = { NULL, 0, 0 };
	struct str written;

	if (path.n == 0)
		return path;
	escape_uri(&out, path, URI_PATH, URI_IN_PATH);
	written = arena_str(arena, buf_view(&out));
	buf_fini(&out);
	return written;
}

static struct location_map
map_of(const struct exchange *x)
{
	struct location_map m = {
		.server.text = x->server_host,
		.told.text = x->told_host,
		.client.text = x->request->host_field,
		.scheme = x->scheme,
		.remove = x->conf->add_prefix,
		.insert = as_written(x->conf->strip_prefix, &x->stream->arena),
		.paths = !x->rewritten,
	};

	location_map_split(&m);
	return m;
}

static struct str
mapped_value(const struct location_map *m, const struct field *f, struct arena *arena)
{
	if (f->gone)
		return f->value;
	switch (f->id) {
	case FIELD_CONTENT_LOCATION:
	case FIELD_LOCATION:
		return location_url(m, f->value, arena);
	case FIELD_REFRESH:
		return location_refresh(m, f->value, arena);
	case FIELD_SET_COOKIE:
		return location_cookie(m, f->value, arena);
	default:
		return f->value;
	}
}

static bool
holds_location(const struct fields *list)
{
	FIELDS_EACH(f, list)
		if (f->id == FIELD_LOCATION || f->id == FIELD_CONTENT_LOCATION ||
		    f->id == FIELD_REFRESH || f->id == FIELD_SET_COOKIE)
			return true;
	return false;
}

bool
location_map_back(struct exchange *x, struct response *r)
{
	struct arena *arena = &x->stream->arena;
	const struct fields received = r->fields;
	struct location_map m;
	size_t made = 0;

	if (!x->policy->rewrite_location || !holds_location(&received))
		return true;
	m = map_of(x);
	fields_init(&r->fields, arena);
	for (unsigned i = 0; i < received.n; i++) {
		const struct field *f = &received.v[i];
		struct str value = mapped_value(&m, f, arena);
		bool same = value.p == f->value.p;

		*fields_add_id(&r->fields, f->id, f->value) =
		    (struct field){ f->name, f->value, f->id, f->gone || !same };
		if (same)
			continue;
		fields_add_id(&r->fields, f->id, value);
		made += value.n;
		if (made > LOCATION_MAX)
			return false;
	}
	return true;
}
