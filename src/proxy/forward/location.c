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

/* A path with what may follow it; `path` itself when no change leads to it. */
static struct str
map_path(const struct location_map *m, struct str path, struct arena *arena)
{
	struct str rest;

	if (!m->paths || m->remove.n + m->insert.n == 0 || !is_below(path, m->remove))
		return path;
	rest = str_skip(path, m->remove.n);
	if (rest.n == 0 && m->insert.n == 0)
		rest = STR_OF("/");
	return arena_printf(arena, "%.*s%.*s", STR_ARG(m->insert), STR_ARG(rest));
}

/* ---- hosts */

/* The host of HOST[:PORT]; absent when it is none. */
static struct str
split_authority(struct str authority, uint16_t *port)
{
	struct str host;

	if (authority.p == NULL || !target_authority(authority, &host, port))
		return (struct str){ NULL, 0 };
	return host;
}

/*
 * Whether a URL's authority is this one, with a port that may be left out where it is usual.  A
 * server that was told a name may add its own port to it.
 */
static bool
same_authority(struct str authority, struct str known, struct str server, bool https)
{
	uint16_t port = 0, known_port = 0, server_port = 0;
	struct str host = split_authority(authority, &port);
	struct str known_host = split_authority(known, &known_port);

	if (host.p == NULL || known_host.p == NULL || !str_ieq(host, known_host))
		return false;
	if (port == 0)
		port = https ? HTTPS_PORT : HTTP_PORT;
	if (port == known_port || (known_port == 0 && (port == HTTP_PORT || port == HTTPS_PORT)))
		return true;
	return split_authority(server, &server_port).p != NULL && port == server_port;
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
	if (m->client.p == NULL)
		return mapped;
	if (is_client) {
		if (mapped.p == path.p)
			return url;
		return arena_printf(arena, "%.*s%.*s", (int)(scheme + authority), url.p,
		    STR_ARG(mapped));
	}
	if (scheme == 2)
		return arena_printf(arena, "//%.*s%.*s", STR_ARG(m->client), STR_ARG(mapped));
	return arena_printf(arena, "%.*s://%.*s%.*s", STR_ARG(m->scheme), STR_ARG(m->client),
	    STR_ARG(mapped));
}

struct str
location_url(const struct location_map *m, struct str url, struct arena *arena)
{
	bool https = false, is_client;
	size_t scheme = scheme_length(url, &https);
	struct str authority, none = { NULL, 0 };

	if (scheme == 0)
		return url.n > 0 && url.p[0] == '/' ? map_path(m, url, arena) : url;
	authority = str_skip(url, scheme);
	authority.n = authority_length(authority);
	is_client = same_authority(authority, m->client, none, https);
	if (!is_client && !same_authority(authority, m->server, none, https) &&
	    !same_authority(authority, m->told, m->server, https))
		return url;
	return map_host(m, url, scheme, authority.n, is_client, arena);
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

static struct str
host_of(struct str authority)
{
	uint16_t port;

	return split_authority(authority, &port);
}

/* RFC 6265, 5.2.3: a dot at the beginning means nothing. */
static struct str
map_domain(const struct location_map *m, struct str domain)
{
	struct str name = str_starts(domain, STR_OF(".")) ? str_skip(domain, 1) : domain;
	struct str client = host_of(m->client);

	if (name.n == 0 || client.n == 0 || str_ieq(name, client))
		return domain;
	if (str_ieq(name, host_of(m->server)) || str_ieq(name, host_of(m->told)))
		return client;
	return domain;
}

/* The path `/` covers `/api` too, so what it becomes has no slash at its end. */
static struct str
map_cookie_path(const struct location_map *m, struct str path, struct arena *arena)
{
	struct str mapped;

	if (path.n == 0 || path.p[0] != '/')
		return path;
	mapped = map_path(m, path, arena);
	if (mapped.p != path.p && m->insert.n > 0 && mapped.n == m->insert.n + 1)
		mapped.n--;
	return mapped;
}

/* One attribute; true if `*value`, a part of it, is mapped to `*to`. */
static bool
map_attribute(const struct location_map *m, struct str attribute, struct str *value,
    struct str *to, struct arena *arena)
{
	struct str name;

	*value = attribute;
	str_cut(value, '=', &name);
	*value = str_trim(*value);
	name = str_trim(name);
	if (str_ieq(name, STR_OF("Domain")))
		*to = map_domain(m, *value);
	else if (str_ieq(name, STR_OF("Path")))
		*to = map_cookie_path(m, *value, arena);
	else
		return false;
	return to->p != value->p;
}

struct str
location_cookie(const struct location_map *m, struct str value, struct arena *arena)
{
	struct str rest = value, attribute, old, new;

	str_cut(&rest, ';', &attribute);	/* the cookie itself */
	while (str_cut(&rest, ';', &attribute)) {
		size_t before, behind;

		if (!map_attribute(m, attribute, &old, &new, arena))
			continue;
		before = (size_t)(old.p - value.p);
		behind = before + old.n;
		value = arena_printf(arena, "%.*s%.*s%.*s", (int)before, value.p, STR_ARG(new),
		    (int)(value.n - behind), value.p + behind);
		if (rest.p != NULL)
			rest = str_skip(value, value.n - rest.n);
	}
	return value;
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

static struct str
mapped_value(const struct exchange *x, const struct field *f)
{
	struct arena *arena = &x->stream->arena;
	const struct location_map m = {
		.server = x->server_host,
		.told = x->told_host,
		.client = x->request->host_field,
		.scheme = x->scheme,
		.remove = x->conf->add_prefix,
		.insert = as_written(x->conf->strip_prefix, arena),
		.paths = !x->rewritten,
	};

	if (f->id == FIELD_SET_COOKIE)
		return location_cookie(&m, f->value, arena);
	if (f->id == FIELD_REFRESH)
		return location_refresh(&m, f->value, arena);
	return location_url(&m, f->value, arena);
}

static bool
holds_location(enum field_id id)
{
	return id == FIELD_LOCATION || id == FIELD_CONTENT_LOCATION || id == FIELD_REFRESH ||
	    id == FIELD_SET_COOKIE;
}

void
location_map_back(struct exchange *x, struct response *r)
{
	struct fields *fields = &r->fields;
	unsigned n = fields->n;

	if (!x->policy->rewrite_location)
		return;
	for (unsigned i = 0; i < n; i++) {
		struct field *f = &fields->v[i];
		enum field_id id = f->id;
		struct str value;

		if (f->gone || !holds_location(id))
			continue;
		value = mapped_value(x, f);
		if (value.p == f->value.p)
			continue;
		f->gone = true;
		fields_add_id(fields, id, value);
	}
}
