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

GETTER(listen_name)
{
	return x->listen != NULL ? x->listen->name : ABSENT;
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

GETTER(server_protocol)
{
	if (x->request->method.p == NULL || x->request->raw_target.p == NULL)
		return ABSENT;
	return x->request->minor == 0 ? STR_OF("HTTP/1.0") : STR_OF("HTTP/1.1");
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
	return number(scratch, x->attempts.n);
}

typedef struct str attempt_text(const struct attempt *a, char scratch[VARIABLE_SCRATCH]);

/* One text for each attempt, oldest first, with ", " between. */
static struct str
each_attempt(const struct exchange *x, attempt_text *text, char scratch[VARIABLE_SCRATCH])
{
	struct buf all = { NULL, 0, 0 };
	struct str joined;

	if (x->attempts.first == NULL)
		return ABSENT;
	if (x->attempts.first->next == NULL)
		return text(x->attempts.first, scratch);
	for (const struct attempt *a = x->attempts.first; a != NULL; a = a->next) {
		if (a != x->attempts.first)
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

int64_t
attempt_us(const struct attempt *a)
{
	return a->end_us != 0 ? a->end_us - a->start_us : -1;
}

int64_t
attempt_connect_us(const struct attempt *a)
{
	if (a->connected_us != 0)
		return a->connected_us - a->start_us;
	return a->head_us != 0 ? 0 : -1;
}

static struct str
time_text(int64_t us, char scratch[VARIABLE_SCRATCH])
{
	return us >= 0 ? str_make(scratch, fmt_seconds(scratch, us)) : STR_OF("-");
}

static struct str
attempt_response_time(const struct attempt *a, char scratch[VARIABLE_SCRATCH])
{
	return time_text(attempt_us(a), scratch);
}

static struct str
attempt_connect_time(const struct attempt *a, char scratch[VARIABLE_SCRATCH])
{
	return time_text(attempt_connect_us(a), scratch);
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

enum {
	NUMBER = VARIABLE_NUMBER,
	FAMILY = VARIABLE_FAMILY,
	FIELDS = VARIABLE_FAMILY | VARIABLE_FIELDS,
};

static const struct variable variables[] = {
	{ STR("args"), 0, args, URI_READY },
	{ STR("arg_"), FAMILY, query_arg, URI_READY },
	{ STR("backend"), 0, backend, URI_TEXT },
	{ STR("body_bytes_sent"), NUMBER, body_bytes_sent, URI_TEXT },
	{ STR("bytes_received"), NUMBER, bytes_received, URI_TEXT },
	{ STR("cookie_"), FAMILY, cookie, URI_TEXT },
	{ STR("host"), 0, host, URI_TEXT },
	{ STR("host_name"), 0, host_name, URI_TEXT },
	{ STR("http_"), FIELDS, http_field, URI_TEXT },
	{ STR("listen"), 0, listen_name, URI_TEXT },
	{ STR("msec"), NUMBER, msec_now, URI_TEXT },
	{ STR("peer_addr"), 0, peer_addr, URI_TEXT },
	{ STR("remote_addr"), 0, remote_addr, URI_TEXT },
	{ STR("remote_port"), NUMBER, remote_port, URI_TEXT },
	{ STR("request"), 0, request_line, URI_TEXT },
	{ STR("request_id"), 0, request_id, URI_TEXT },
	{ STR("request_length"), NUMBER, bytes_received, URI_TEXT },
	{ STR("request_method"), 0, request_method, URI_TEXT },
	{ STR("request_time"), NUMBER, request_time, URI_TEXT },
	{ STR("request_uri"), 0, request_uri, URI_READY },
	{ STR("route"), 0, route, URI_TEXT },
	{ STR("scheme"), 0, scheme, URI_TEXT },
	{ STR("sent_http_"), FIELDS, sent_field, URI_TEXT },
	{ STR("server_addr"), 0, server_addr, URI_TEXT },
	{ STR("server_port"), NUMBER, server_port, URI_TEXT },
	{ STR("server_protocol"), 0, server_protocol, URI_TEXT },
	{ STR("ssl_cipher"), 0, ssl_cipher, URI_TEXT },
	{ STR("ssl_client_fingerprint"), 0, ssl_client_fingerprint, URI_TEXT },
	{ STR("ssl_client_s_dn"), 0, ssl_client_s_dn, URI_TEXT },
	{ STR("ssl_client_serial"), 0, ssl_client_serial, URI_TEXT },
	{ STR("ssl_client_verify"), 0, ssl_client_verify, URI_TEXT },
	{ STR("ssl_protocol"), 0, ssl_protocol, URI_TEXT },
	{ STR("ssl_server_name"), 0, ssl_server_name, URI_TEXT },
	{ STR("status"), NUMBER, status, URI_TEXT },
	{ STR("time_iso8601"), 0, time_iso8601, URI_TEXT },
	{ STR("time_local"), 0, time_local, URI_TEXT },
	{ STR("tries"), NUMBER, tries, URI_TEXT },
	{ STR("upstream_addr"), 0, upstream_addr, URI_TEXT },
	{ STR("upstream_connect_time"), 0, upstream_connect_time, URI_TEXT },
	{ STR("upstream_http_"), FIELDS, upstream_field, URI_TEXT },
	{ STR("upstream_response_time"), 0, upstream_response_time, URI_TEXT },
	{ STR("upstream_status"), 0, upstream_status, URI_TEXT },
	{ STR("uri"), 0, uri, URI_PATH },
	{ STR("why"), 0, why, URI_TEXT },
	{ STR("worker"), NUMBER, worker, URI_TEXT },
};

const struct variable *
variable_lookup(struct str name, struct str *arg)
{
	*arg = ABSENT;
	for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
		const struct variable *v = &variables[i];

		bool family = (v->flags & VARIABLE_FAMILY) != 0;

		if (!family && str_eq(v->name, name))
			return v;
		if (family && name.n > v->name.n && str_starts(name, v->name)) {
			*arg = str_skip(name, v->name.n);
			return v;
		}
	}
	return NULL;
}

void
variable_fold_arg(const struct variable *v, char *arg, size_t n)
{
	for (size_t i = 0; (v->flags & VARIABLE_FIELDS) && i < n; i++)
		arg[i] = arg[i] == '_' ? '-' : char_lower[(unsigned char)arg[i]];
}

struct str
variable_suggest(struct str name)
{
	struct conf_suggest s;

	conf_suggest_init(&s, name);
	for (size_t i = 0; i < ARRAY_LEN(variables); i++)
		if (!(variables[i].flags & VARIABLE_FAMILY))
			conf_suggest_offer(&s, variables[i].name);
	return s.best;
}
