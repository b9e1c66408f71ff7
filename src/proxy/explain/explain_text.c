/*
 * explain_text.c - what would happen to a request, written down.
 */
#include "base/check.h"
#include "conf/load.h"
#include "proxy/explain/explain.h"
#include "proxy/files/files.h"
#include "proxy/route/match.h"
#include "proxy/runtime.h"
#include "proxy/sources.h"

enum { NEAR_MISSES = 5 };

static void
label(struct buf *out, const char *name)
{
	buf_printf(out, "%-12s", name);
}

static void
add_origin(struct buf *out, struct conf_origin at)
{
	if (at.file == NULL)
		return;
	if (at.line > 0)
		buf_printf(out, " (%s:%d)", at.file, at.line);
	else
		buf_printf(out, " (%s)", at.file);
}

/* `host        shop (usherd.ini:20)`, without the end of the line. */
static void
add_section(struct buf *out, const char *kind, struct str name, struct conf_origin at)
{
	label(out, kind);
	buf_str(out, name);
	add_origin(out, at);
}

/* ---- who asks for what */

static void
write_client(const struct explained *e)
{
	const struct exchange *x = e->x;
	char client[ADDR_TEXT], peer[ADDR_TEXT];

	ip_text(&x->client, client);
	ip_text(&e->question->from, peer);
	label(e->out, "client");
	buf_cstr(e->out, client);
	if (x->trusted)
		buf_printf(e->out, ", by %.*s, as the trusted proxy %s says",
		    STR_ARG(x->scheme), peer);
	buf_char(e->out, '\n');
}

static void
write_question(const struct explained *e)
{
	const struct explain_question *q = e->question;
	const struct conf_listen *l = e->x->listen;

	label(e->out, "request");
	buf_printf(e->out, "%.*s %.*s\n", STR_ARG(q->method), STR_ARG(q->target));
	add_section(e->out, "listen", l->name, l->at);
	if (l->tls != q->https)
		buf_printf(e->out, ", which speaks no %s", q->https ? "TLS" : "plain HTTP");
	buf_char(e->out, '\n');
	if (e->x->stream->refusal.status == 0)
		write_client(e);
}

/* ---- the choice */

static void
write_choice(const struct explained *e)
{
	const struct exchange *x = e->x;

	if (x->host != NULL) {
		add_section(e->out, "host", x->host->name, x->host->at);
		buf_printf(e->out, ", %s\n", explain_host(x));
	}
	if (x->route == NULL)
		return;
	add_section(e->out, "route", x->conf->name, x->conf->at);
	buf_char(e->out, '\n');
	if (e->runner_up.route == NULL)
		return;
	add_section(e->out, "runner-up", e->runner_up.route->conf->name,
	    e->runner_up.route->conf->at);
	buf_printf(e->out, ": %.*s\n", STR_ARG(explain_reason(e, &x->stream->arena)));
}

static bool
serves(const struct conf_route *r, const struct conf_host *host)
{
	for (unsigned i = 0; i < r->nhosts; i++)
		if (r->hosts[i] == host)
			return true;
	return r->nhosts == 0;
}

/* An exact path of the route that ends in a slash and that the path is below of; NULL: none. */
static const struct conf_path *
directory_above(const struct conf_route *r, struct str path)
{
	for (unsigned i = 0; i < r->npaths; i++) {
		const struct conf_path *p = &r->paths[i];

		if (p->kind == PATH_EXACT && str_ends(p->text, STR_OF("/")) &&
		    str_starts(path, p->text))
			return p;
	}
	return NULL;
}

/* Routes that were not taken although host and path are right: their other conditions failed. */
static void
write_near_misses(const struct explained *e)
{
	const struct conf_snapshot *c = e->runtime->conf;
	const struct conf_path *p;
	unsigned n = 0;

	for (unsigned i = 0; i < c->nroutes && n < NEAR_MISSES; i++) {
		const struct conf_route *r = c->routes[i];

		if (!serves(r, e->x->host))
			continue;
		if (match_paths(r, e->x->request->path)) {
			add_section(e->out, "not", r->name, r->at);
			buf_cstr(e->out, ": another condition does not match\n");
			n++;
		} else if ((p = directory_above(r, e->x->request->path)) != NULL) {
			add_section(e->out, "not", r->name, r->at);
			buf_printf(e->out, ": its path is %.*s alone (%.*s* has those below it)\n",
			    STR_ARG(p->text), STR_ARG(p->text));
			n++;
		}
	}
}

/* ---- the answer of our own */

static void
write_answer(const struct explained *e)
{
	const struct exchange *x = e->x;
	const struct refusal *refusal = &x->stream->refusal;

	label(e->out, "answer");
	buf_printf(e->out, "%d %.*s", x->status, STR_ARG(status_reason(x->status)));
	if (x->why != NULL)
		buf_printf(e->out, ", why=%s", x->why);
	if (refusal->status != 0)
		buf_printf(e->out, ": %s", refusal->text);
	buf_char(e->out, '\n');
	FIELDS_EACH(f, &x->response->fields)
		buf_printf(e->out, "    %.*s: %.*s\n", STR_ARG(f->name), STR_ARG(f->value));
}

/* ---- the way to a server */

static void
write_server(struct buf *out, const struct conf_server *s)
{
	buf_printf(out, "    %.*s", STR_ARG(s->text));
	if (s->weight != 1)
		buf_printf(out, " weight=%u", s->weight);
	if (s->max_conns != CONF_OFF)
		buf_printf(out, " max_conns=%lld", (long long)s->max_conns);
	buf_printf(out, "%s%s", s->backup ? " backup" : "", s->down ? " down" : "");
	add_origin(out, s->at);
	buf_char(out, '\n');
}

static void
write_splits(const struct explained *e)
{
	const struct conf_route *r = e->x->conf;

	for (unsigned i = 0; i < r->nsplits; i++) {
		label(e->out, "split");
		buf_printf(e->out, "%u:%.*s%s\n", r->splits[i].weight,
		    STR_ARG(r->splits[i].backend->name),
		    r->splits[i].backend == e->x->backend ? ", chosen for this request" : "");
	}
}

static bool
has_field(const struct fields *list, const struct field *wanted)
{
	FIELDS_EACH(f, list)
		if (str_ieq(f->name, wanted->name) && str_eq(f->value, wanted->value))
			return true;
	return false;
}

static void
write_difference(struct buf *out, const char *sign, const struct fields *list,
    const struct fields *other)
{
	FIELDS_EACH(f, list)
		if (!has_field(other, f))
			buf_printf(out, "    %s %.*s: %.*s\n", sign, STR_ARG(f->name),
			    STR_ARG(f->value));
}

static void
write_fields(const struct explained *e)
{
	const struct source *const *s = sources_of(e->x);
	struct fields sent;

	while ((*s)->fields == NULL)
		s++;
	if (e->x->source != *s)
		(void)exchange_set_source(e->x, *s, NULL);	/* behind files */
	(*s)->fields(e->x, e->x->backend->servers[0].host_field, &sent);
	buf_cstr(e->out, "changes to the headers of the request\n");
	write_difference(e->out, "-", &e->x->request->fields, &sent);
	write_difference(e->out, "+", &sent, &e->x->request->fields);
}

static void
write_time(struct buf *out, const char *name, msec ms)
{
	if (ms == CONF_OFF)
		buf_printf(out, "    %s: off\n", name);
	else if (ms % 1000 == 0)
		buf_printf(out, "    %s: %llds\n", name, (long long)ms / 1000);
	else
		buf_printf(out, "    %s: %lldms\n", name, (long long)ms);
}

static void
write_times(struct buf *out, const struct conf_policy *p)
{
	buf_cstr(out, "times\n");
	write_time(out, "connect_timeout", p->connect_timeout_ms);
	write_time(out, "first_byte_timeout", p->first_byte_timeout_ms);
	write_time(out, "read_timeout", p->read_timeout_ms);
	write_time(out, "write_timeout", p->write_timeout_ms);
	write_time(out, "body_timeout", p->body_timeout_ms);
	write_time(out, "send_timeout", p->send_timeout_ms);
	write_time(out, "half_close_timeout", p->half_close_timeout_ms);
	write_time(out, "tunnel_timeout", p->tunnel_timeout_ms);
}

static void
write_forwarding(const struct explained *e)
{
	const struct conf_backend *b = e->x->backend;

	write_splits(e);
	if (e->x->conf->action == ACTION_FILES) {
		add_section(e->out, "backend", b->name, b->at);
		buf_printf(e->out, ", %s\n", files_reads(e->x) ? "if no file is there" :
		    "as files are only read");
	}
	label(e->out, "sends");
	buf_printf(e->out, "%.*s %.*s\n", STR_ARG(e->x->request->method), STR_ARG(e->x->uri));
	if (e->x->conf->action != ACTION_BUCKET)
		write_fields(e);
	buf_printf(e->out, "servers of backend %.*s\n", STR_ARG(b->name));
	for (unsigned i = 0; i < b->nservers; i++)
		write_server(e->out, &b->servers[i]);
	label(e->out, "retries");
	buf_printf(e->out, "%u\n", e->x->policy->retries);
	write_times(e->out, e->x->policy);
}

/* ---- what the configuration says */

static void
write_value(void *arg, struct str key, struct str value, struct conf_origin at)
{
	struct buf *out = arg;

	buf_printf(out, "    %.*s = %.*s", STR_ARG(key), STR_ARG(value));
	add_origin(out, at);
	buf_char(out, '\n');
}

static void
write_policies(const struct explained *e)
{
	const struct conf_snapshot *c = e->runtime->conf;
	const struct exchange *x = e->x;
	const struct conf_policy *p = x->policy;

	buf_printf(e->out, "[route %.*s], what it inherits included\n", STR_ARG(x->conf->name));
	conf_each_route_value(c, x->conf, x->backend, write_value, e->out);
	for (unsigned i = 0; i < p->nheaders; i++) {
		buf_printf(e->out, "[headers %.*s]\n", STR_ARG(p->headers[i]->name));
		conf_each_value(c, KIND_HEADERS, p->headers[i]->name, write_value, e->out);
	}
	if (x->conf->action == ACTION_BUCKET) {
		buf_printf(e->out, "[bucket %.*s]\n", STR_ARG(x->conf->bucket->name));
		conf_each_value(c, KIND_BUCKET, x->conf->bucket->name, write_value, e->out);
	} else if (x->backend != NULL) {
		buf_printf(e->out, "[backend %.*s]\n", STR_ARG(x->backend->name));
		conf_each_value(c, KIND_BACKEND, x->backend->name, write_value, e->out);
	}
	if (x->host != NULL) {
		buf_printf(e->out, "[host %.*s]\n", STR_ARG(x->host->name));
		conf_each_value(c, KIND_HOST, x->host->name, write_value, e->out);
	}
	buf_printf(e->out, "[listen %.*s]\n", STR_ARG(x->listen->name));
	conf_each_value(c, KIND_LISTEN, x->listen->name, write_value, e->out);
}

/* Nothing is opened, so that the answer is the same where the files are not. */
static void
write_file(const struct explained *e)
{
	const struct exchange *x = e->x;
	const struct conf_tries *tries = &x->policy->try_files;

	label(e->out, "file");
	if (tries->n == 0) {
		buf_printf(e->out, "%.*s%.*s\n", STR_ARG(x->conf->files), STR_ARG(x->path));
		return;
	}
	buf_cstr(e->out, "the first there is of");
	for (unsigned i = 0; i < tries->n; i++)
		if (tries->v[i].path.p != NULL)
			buf_printf(e->out, " %.*s", STR_ARG(tries->v[i].path));
	buf_printf(e->out, " below %.*s, where $uri is %.*s\n", STR_ARG(x->conf->files),
	    STR_ARG(x->path));
	if (tries->v[tries->n - 1].status != 0)
		buf_printf(e->out, "%-12s%d, if none is there\n", "else",
		    tries->v[tries->n - 1].status);
}

void
explain_write(const struct explained *e)
{
	const struct exchange *x = e->x;

	write_question(e);
	write_choice(e);
	if (x->route == NULL && x->status == 404)
		write_near_misses(e);
	if (e->answered)
		write_answer(e);
	else if (x->conf->action == ACTION_FILES && files_reads(x))
		write_file(e);
	if (!e->answered && x->backend != NULL)
		write_forwarding(e);
	if (x->route != NULL)
		write_policies(e);
}
