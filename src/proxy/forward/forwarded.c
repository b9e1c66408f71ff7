/*
 * forwarded.c - the fields of a request as they go to a server.
 */
#include "proxy/forward/forwarded.h"

#include "base/buf.h"
#include "base/check.h"
#include "proxy/client_ip.h"
#include "proxy/filter/headers.h"
#include "proxy/runtime.h"

static bool
passes(const struct exchange *x, const struct field *f)
{
	switch (f->id) {
	case FIELD_HOST:
	case FIELD_X_REQUEST_ID:
		return false;		/* written anew */
	case FIELD_EXPECT:
		return x->request->expect_continue;
	case FIELD_MAX_FORWARDS:
		return x->request->method_id != METHOD_OPTIONS;
	case FIELD_TRAILER:
		return x->policy->request_trailers;
	default:
		return x->trusted || !client_ip_describes(x->listen, f);
	}
}

static struct str
host_field(const struct exchange *x, const struct conf_backend *backend, struct str server_host)
{
	switch (backend->host_header) {
	case HOST_SERVER:
		return server_host;
	case HOST_NAME:
		return backend->host_header_name;
	default:
		return x->request->host_field.p != NULL ? x->request->host_field : server_host;
	}
}

/* `a, b`, with `a` the values of the fields that are there already. */
static struct str
append_to(struct exchange *x, const struct fields *out, enum field_id id, struct str value)
{
	size_t n = value.n;
	char *start, *p;

	FIELDS_EACH(f, out)
		if (f->id == id)
			n += f->value.n + 2;
	if (n == value.n)
		return value;
	start = p = arena_alloc(&x->stream->arena, n);
	FIELDS_EACH(f, out) {
		if (f->id != id)
			continue;
		memcpy(p, f->value.p, f->value.n);
		memcpy(p + f->value.n, ", ", 2);
		p += f->value.n + 2;
	}
	memcpy(p, value.p, value.n);
	return str_make(start, n);
}

/* RFC 7239, 6: IPv6 addresses stand in brackets and quotes. */
static struct str
forwarded_element(struct exchange *x, const char *peer)
{
	bool quote = x->stream->peer->client.family == AF_INET6;
	struct str host = x->request->host_field;

	return arena_printf(&x->stream->arena, "for=%s%s%s;proto=%.*s%s%.*s%s",
	    quote ? "\"[" : "", peer, quote ? "]\"" : "", STR_ARG(x->scheme),
	    host.p != NULL ? ";host=\"" : "", STR_ARG(host), host.p != NULL ? "\"" : "");
}

static void
add_missing(struct fields *out, enum field_id id, struct str value)
{
	if (value.p != NULL && fields_find(out, id) == NULL)
		fields_add_id(out, id, value);
}

/* RFC 7239, 6.2: the word for an address that there is none of, as on a unix socket. */
static size_t
client_text(const struct ip_port *client, char out[ADDR_TEXT])
{
	if (client->family == AF_INET || client->family == AF_INET6)
		return ip_text(client, out);
	memcpy(out, "unknown", sizeof("unknown"));
	return sizeof("unknown") - 1;
}

static void
describe_client(struct exchange *x, struct fields *out)
{
	enum conf_forwarded mode = x->policy->forwarded_headers;
	char peer[ADDR_TEXT];
	size_t n = client_text(&x->stream->peer->client, peer);

	if (mode == FORWARDED_X || mode == FORWARDED_BOTH) {
		struct str value = arena_str(&x->stream->arena, str_make(peer, n));

		if (x->trusted)
			value = append_to(x, out, FIELD_X_FORWARDED_FOR, value);
		fields_set(out, FIELD_X_FORWARDED_FOR, value);
		add_missing(out, FIELD_X_FORWARDED_PROTO, x->scheme);
		add_missing(out, FIELD_X_FORWARDED_HOST, x->request->host_field);
	}
	if (mode == FORWARDED_RFC7239 || mode == FORWARDED_BOTH)
		fields_set(out, FIELD_FORWARDED,
		    append_to(x, out, FIELD_FORWARDED, forwarded_element(x, peer)));
}

/* RFC 9110, 7.6.2: one hop less; a request that may go no further was answered before. */
static void
count_hop(struct exchange *x, struct fields *out)
{
	struct field *f = fields_find(&x->request->fields, FIELD_MAX_FORWARDS);
	uint64_t hops;

	if (x->request->method_id == METHOD_OPTIONS && f != NULL &&
	    str_uint(f->value, UINT32_MAX, &hops) && hops > 0)
		fields_add_id(out, FIELD_MAX_FORWARDS,
		    arena_printf(&x->stream->arena, "%llu", (unsigned long long)hops - 1));
}

void
forwarded_fields(struct exchange *x, const struct conf_backend *backend, struct str server_host,
    struct fields *out)
{
	const struct request *r = x->request;

	fields_init(out, &x->stream->arena);
	fields_add_id(out, FIELD_HOST, host_field(x, backend, server_host));
	FIELDS_EACH(f, &r->fields)
		*fields_add_id(out, f->id, f->value) = *f;
	fields_strip_hop_by_hop(out);
	for (unsigned i = 1; i < out->n; i++)
		out->v[i].gone |= !passes(x, &out->v[i]);
	describe_client(x, out);
	fields_add_id(out, FIELD_X_REQUEST_ID, x->request_id);
	count_hop(x, out);
	if (x->policy->via)
		fields_set(out, FIELD_VIA, append_to(x, out, FIELD_VIA,
		    arena_printf(&x->stream->arena, "1.%d usherd", r->minor)));
	headers_request(x->runtime->headers, x, out);
	if (r->te_trailers && r->upgrade.p == NULL) {
		fields_add_id(out, FIELD_TE, STR_OF("trailers"));
		fields_add_id(out, FIELD_CONNECTION, STR_OF("TE"));
	}
}
