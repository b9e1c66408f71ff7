/*
 * variables.c - the values that templates can name.
 */
#include "proxy/text/variables.h"

#include "base/buf.h"
#include "base/clock.h"
#include "conf/suggest.h"
#include "net/tls_server.h"
#include "proxy/exchange.h"
#include "proxy/runtime.h"
#include "proxy/text/params.h"

#define ABSENT ((struct str){ NULL, 0 })

/* A getter that has no use for one or both of its last parameters. */
#define GETTER(name) \
	static struct str \
	name(const struct exchange *x, __attribute__((unused)) struct str arg, \
	    __attribute__((unused)) char scratch[VARIABLE_SCRATCH])

static struct str
number(char scratch[VARIABLE_SCRATCH], uint64_t v)
{
	return str_make(scratch, fmt_uint(scratch, v));
}

size_t
fmt_seconds(char *p, int64_t us)
{
	uint64_t ms = us > 0 ? (uint64_t)us / 1000 : 0;
	size_t n = fmt_uint(p, ms / 1000);

	p[n++] = '.';
	p[n++] = (char)('0' + ms / 100 % 10);
	p[n++] = (char)('0' + ms / 10 % 10);
	p[n++] = (char)('0' + ms % 10);
	return n;
}

/* ---- the client and the connection */

static struct str
ip_only(const struct ip_port *ip, char scratch[VARIABLE_SCRATCH])
{
	_Static_assert((int)VARIABLE_SCRATCH >= (int)ADDR_TEXT, "an address fits");

	return ip->family != 0 ? str_make(scratch, ip_text(ip, scratch)) : ABSENT;
}

GETTER(remote_addr)
{
	return ip_only(&x->client, scratch);
}

GETTER(remote_port)
{
	return number(scratch, x->client.port);
}

GETTER(peer_addr)
{
	return ip_only(&x->stream->peer->peer, scratch);
}

GETTER(server_addr)
{
	return ip_only(http_stream_local(x->stream), scratch);
}

GETTER(server_port)
{
	return number(scratch, http_stream_local(x->stream)->port);
}

GETTER(scheme)
{
	return x->scheme;
}

/* ---- TLS of the client's connection */

GETTER(ssl_protocol)
{
	return x->stream->peer->tls != NULL ? x->stream->peer->tls->protocol : ABSENT;
}

GETTER(ssl_cipher)
{
	return x->stream->peer->tls != NULL ? x->stream->peer->tls->cipher : ABSENT;
}

GETTER(ssl_server_name)
{
	return x->stream->peer->tls != NULL ? x->stream->peer->tls->server_name : ABSENT;
}

GETTER(ssl_client_s_dn)
{
	return x->stream->peer->tls != NULL ? x->stream->peer->tls->client_subject : ABSENT;
}

GETTER(ssl_client_verify)
{
	const struct tls_info *tls = x->stream->peer->tls;

	return tls != NULL && tls->client_verify != NULL ? str_of(tls->client_verify) : ABSENT;
}

GETTER(ssl_client_fingerprint)
{
	return x->stream->peer->tls != NULL ? x->stream->peer->tls->client_fingerprint : ABSENT;
}

GETTER(ssl_client_serial)
{
	return x->stream->peer->tls != NULL ? x->stream->peer->tls->client_serial : ABSENT;
}

/* ---- the request */

GETTER(host_name)
{
	return x->host != NULL ? x->host->name : ABSENT;
}

GETTER(host)
{
	return x->request->host.n > 0 ? x->request->host : host_name(x, arg, scratch);
}

GETTER(request_method)
{
	return x->request->method;
}

GETTER(request_uri)
{
	const struct request *r = x->request;

	return target_origin_form(&x->stream->arena, &r->target, r->raw_target);
}

GETTER(request_line)
{
	const struct request *r = x->request;

	if (r->method.p == NULL || r->raw_target.p == NULL)
		return ABSENT;
	return arena_printf(&x->stream->arena, "%.*s %.*s HTTP/1.%d", STR_ARG(r->method),
	    STR_ARG(r->raw_target), r->minor);
}

GETTER(uri)
{
	return x->request->path;
}

GETTER(args)
{
	return x->request->target.query;
}

GETTER(query_arg)
{
	return query_value(x->request->target.query, arg);
}

GETTER(cookie)
{
	return cookie_value(&x->request->fields, arg);
}

GETTER(http_field)
{
	struct field *f = fields_find_name(&x->request->fields, arg);

	return f != NULL ? f->value : ABSENT;
}

GETTER(request_id)
{
	return x->request_id;
}

GETTER(bytes_received)
{
	return number(scratch, x->stream->bytes_in);
}

GETTER(route)
{
	return x->route != NULL ? x->conf->name : ABSENT;
}

/* ---- the response */

/* 0 for an exchange that got no answer. */
GETTER(status)
{
	return number(scratch, (uint64_t)x->status);
}

GETTER(body_bytes_sent)
{
	return number(scratch, x->stream->body_out);
}

/* The stream writes the length itself, so it is no field of the list. */
GETTER(sent_field)
{
	const struct response *r = x->response;
	struct field *f;

	if (r == NULL)
		return ABSENT;
	if (r->framing == FRAMING_LENGTH && field_lookup(arg) == FIELD_CONTENT_LENGTH)
		return number(scratch, r->content_length);
	f = fields_find_name(&r->fields, arg);
	return f != NULL ? f->value : ABSENT;
}

GETTER(why)
{
	return str_of(x->why);
}

/* ---- time */

GETTER(request_time)
{
	return str_make(scratch, fmt_seconds(scratch, clock_us() - x->stream->start_us));
}

GETTER(msec_now)
{
	(void)x;
	return str_make(scratch, fmt_seconds(scratch, clock_wall_ms() * 1000));
}

GETTER(time_iso8601)
{
	(void)x;
	return clock_iso8601();
}

GETTER(time_local)
{
	(void)x;
	return clock_clf();
}

/* ---- the servers */

GETTER(backend)
{
	return x->backend != NULL ? x->backend->name : ABSENT;
}

GETTER(tries)
{
	return number(scratch, x->nattempts);
}

typedef struct str attempt_text(const struct attempt *a, char scratch[VARIABLE_SCRATCH]);

/* One text for each attempt, oldest first, with ", " between. */
static struct str
each_attempt(const struct exchange *x, attempt_text *text, char scratch[VARIABLE_SCRATCH])
{
	struct buf all = { NULL, 0, 0 };
	struct str joined;

	if (x->attempts == NULL)
		return ABSENT;
	if (x->attempts->next == NULL)
		return text(x->attempts, scratch);
	for (const struct attempt *a = x->attempts; a != NULL; a = a->next) {
		if (a != x->attempts)
			buf_cstr(&all, ", ");
		buf_str(&all, text(a, scratch));
	}
	joined = arena_str(&x->stream->arena, buf_view(&all));
	buf_fini(&all);
	return joined;
}

static struct str
attempt_addr(const struct attempt *a, char scratch[VARIABLE_SCRATCH])
{
	(void)scratch;
	return a->addr;
}

static struct str
attempt_status(const struct attempt *a, char scratch[VARIABLE_SCRATCH])
{
	return a->status != 0 ? number(scratch, (uint64_t)a->status) : STR_OF("-");
}

/* From the start of the attempt to `until_us`; "-" when that never came. */
static struct str
attempt_time(const struct attempt *a, int64_t until_us, char scratch[VARIABLE_SCRATCH])
{
	if (until_us == 0)
		return STR_OF("-");
	return str_make(scratch, fmt_seconds(scratch, until_us - a->start_us));
}

static struct str
attempt_response_time(const struct attempt *a, char scratch[VARIABLE_SCRATCH])
{
	return attempt_time(a, a->end_us, scratch);
}

static struct str
attempt_connect_time(const struct attempt *a, char scratch[VARIABLE_SCRATCH])
{
	bool reused = a->connected_us == 0 && a->head_us != 0;

	return attempt_time(a, reused ? a->start_us : a->connected_us, scratch);
}

GETTER(upstream_addr)
{
	return each_attempt(x, attempt_addr, scratch);
}

GETTER(upstream_status)
{
	return each_attempt(x, attempt_status, scratch);
}

GETTER(upstream_response_time)
{
	return each_attempt(x, attempt_response_time, scratch);
}

GETTER(upstream_connect_time)
{
	return each_attempt(x, attempt_connect_time, scratch);
}

/*
 * What the server sent, also when it was not passed on: the first field of the name, removed or
 * not, as fields of our own stand behind.
 */
GETTER(upstream_field)
{
	const struct fields *fields;

	if (x->upstream_response == NULL)
		return ABSENT;
	fields = &x->upstream_response->fields;
	for (unsigned i = 0; i < fields->n; i++)
		if (str_ieq(fields->v[i].name, arg))
			return fields->v[i].value;
	return ABSENT;
}

GETTER(worker)
{
	return number(scratch, (uint64_t)x->runtime->slot);
}

/* ---- names */

static const struct variable variables[] = {
	{ STR("args"), false, false, args, URI_READY },
	{ STR("arg_"), true, false, query_arg, URI_READY },
	{ STR("backend"), false, false, backend, URI_TEXT },
	{ STR("body_bytes_sent"), false, false, body_bytes_sent, URI_TEXT },
	{ STR("bytes_received"), false, false, bytes_received, URI_TEXT },
	{ STR("cookie_"), true, false, cookie, URI_TEXT },
	{ STR("host"), false, false, host, URI_TEXT },
	{ STR("host_name"), false, false, host_name, URI_TEXT },
	{ STR("http_"), true, true, http_field, URI_TEXT },
	{ STR("msec"), false, false, msec_now, URI_TEXT },
	{ STR("peer_addr"), false, false, peer_addr, URI_TEXT },
	{ STR("remote_addr"), false, false, remote_addr, URI_TEXT },
	{ STR("remote_port"), false, false, remote_port, URI_TEXT },
	{ STR("request"), false, false, request_line, URI_TEXT },
	{ STR("request_id"), false, false, request_id, URI_TEXT },
	{ STR("request_length"), false, false, bytes_received, URI_TEXT },
	{ STR("request_method"), false, false, request_method, URI_TEXT },
	{ STR("request_time"), false, false, request_time, URI_TEXT },
	{ STR("request_uri"), false, false, request_uri, URI_READY },
	{ STR("route"), false, false, route, URI_TEXT },
	{ STR("scheme"), false, false, scheme, URI_TEXT },
	{ STR("sent_http_"), true, true, sent_field, URI_TEXT },
	{ STR("server_addr"), false, false, server_addr, URI_TEXT },
	{ STR("server_port"), false, false, server_port, URI_TEXT },
	{ STR("ssl_cipher"), false, false, ssl_cipher, URI_TEXT },
	{ STR("ssl_client_fingerprint"), false, false, ssl_client_fingerprint, URI_TEXT },
	{ STR("ssl_client_s_dn"), false, false, ssl_client_s_dn, URI_TEXT },
	{ STR("ssl_client_serial"), false, false, ssl_client_serial, URI_TEXT },
	{ STR("ssl_client_verify"), false, false, ssl_client_verify, URI_TEXT },
	{ STR("ssl_protocol"), false, false, ssl_protocol, URI_TEXT },
	{ STR("ssl_server_name"), false, false, ssl_server_name, URI_TEXT },
	{ STR("status"), false, false, status, URI_TEXT },
	{ STR("time_iso8601"), false, false, time_iso8601, URI_TEXT },
	{ STR("time_local"), false, false, time_local, URI_TEXT },
	{ STR("tries"), false, false, tries, URI_TEXT },
	{ STR("upstream_addr"), false, false, upstream_addr, URI_TEXT },
	{ STR("upstream_connect_time"), false, false, upstream_connect_time, URI_TEXT },
	{ STR("upstream_http_"), true, true, upstream_field, URI_TEXT },
	{ STR("upstream_response_time"), false, false, upstream_response_time, URI_TEXT },
	{ STR("upstream_status"), false, false, upstream_status, URI_TEXT },
	{ STR("uri"), false, false, uri, URI_PATH },
	{ STR("why"), false, false, why, URI_TEXT },
	{ STR("worker"), false, false, worker, URI_TEXT },
};

const struct variable *
variable_lookup(struct str name, struct str *arg)
{
	*arg = ABSENT;
	for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
		const struct variable *v = &variables[i];

		if (!v->family && str_eq(v->name, name))
			return v;
		if (v->family && name.n > v->name.n && str_starts(name, v->name)) {
			*arg = str_skip(name, v->name.n);
			return v;
		}
	}
	return NULL;
}

void
variable_fold_arg(const struct variable *v, char *arg, size_t n)
{
	for (size_t i = 0; v->names_field && i < n; i++)
		arg[i] = arg[i] == '_' ? '-' : char_lower[(unsigned char)arg[i]];
}

struct str
variable_suggest(struct str name)
{
	struct conf_suggest s;

	conf_suggest_init(&s, name);
	for (size_t i = 0; i < ARRAY_LEN(variables); i++)
		if (!variables[i].family)
			conf_suggest_offer(&s, variables[i].name);
	return s.best;
}
