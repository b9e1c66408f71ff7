/*
 * probe_http.c - one look at one server: does it answer a request as it should?
 */
#include "proxy/servers/probe_internal.h"

#include "base/check.h"

#ifndef USHERD_VERSION
#define USHERD_VERSION "unknown"
#endif

enum {
	HEAD_MAX = 65536,		/* as for the answers to clients' requests */
	BODY_MAX = 65536,		/* enough is seen then */
};

/* Whoever asks for any limit gets the one of the whole look. */
static const struct back_limits limits = {
	TIMER_NEVER, TIMER_NEVER, TIMER_NEVER, TIMER_NEVER, TIMER_NEVER, HEAD_MAX,
};

static void
on_connected(void *user)
{
	struct probe *p = user;

	p->connected = true;
}

static void
on_info(void *user, struct response *r)
{
	(void)user;
	(void)r;
}

static bool
is_expected(const struct conf_check *c, int status)
{
	return status >= 0 && status < CONF_STATUS_WORDS * 64 &&
	    (c->expect[status / 64] >> (status % 64) & 1) != 0;
}

static void
on_head(void *user, struct response *r)
{
	struct probe *p = user;

	p->result.status = r->status;
	if (is_expected(p->check, r->status))
		return;
	probe_find(p, FOUND_STATUS, "status %d", r->status);
	probe_finish(p);
}

/* The answer is complete, or as much of it has come as counts. */
static void
judge(struct probe *p)
{
	struct str want = p->check->body;

	if (want.n > 0 && (p->body.n < want.n ||
	    memmem(p->body.p, p->body.n, want.p, want.n) == NULL))
		probe_find(p, FOUND_BODY, "status %d, but a body without the text that is expected",
		    p->result.status);
	else
		probe_find(p, FOUND_OK, "status %d", p->result.status);
	probe_finish(p);
}

static void
on_body(void *user, struct chain *moved)
{
	struct probe *p = user;
	size_t room = BODY_MAX - p->body_bytes, n = moved->len < room ? moved->len : room;

	if (p->check->body.n > 0) {
		chain_copy_out(moved, buf_room(&p->body, n), n);
		p->body.n += n;
	}
	p->body_bytes += n;
	chain_clear(moved);
	if (p->body_bytes == BODY_MAX)
		judge(p);
}

static void
on_end(void *user, const struct fields *trailers)
{
	struct probe *p = user;

	(void)trailers;
	p->stream = NULL;
	judge(p);
}

static void
on_drained(void *user)
{
	(void)user;
}

static void
on_failed(void *user, enum back_failure failure, const char *text)
{
	struct probe *p = user;
	enum shm_finding finding = FOUND_CLOSED;

	if (failure == BACK_CONNECT)
		finding = FOUND_CONNECT;
	else if (failure == BACK_BAD_RESPONSE)
		finding = FOUND_BAD_RESPONSE;
	else if (failure == BACK_TLS)
		finding = FOUND_TLS;
	else if (failure == BACK_TLS_VERIFY)
		finding = FOUND_TLS_VERIFY;
	p->stream = NULL;
	probe_find(p, finding, "%s", text);
	probe_finish(p);
}

static const struct back_stream_events stream_events = {
	.connected = on_connected,
	.info = on_info,
	.head = on_head,
	.body = on_body,
	.end = on_end,
	.drained = on_drained,
	.failed = on_failed,
};

/* A connection serves one look. */
static void
on_idle(struct h1_back_owner *owner, struct h1_back *b)
{
	(void)owner;
	h1_back_close(b);
}

static void
on_closed(struct h1_back_owner *owner, struct h1_back *b)
{
	(void)owner;
	(void)b;
}

static void
send_request(struct probe *p, struct str host)
{
	struct fields fields;

	fields_init(&fields, &p->arena);
	fields_add_id(&fields, FIELD_HOST, host);
	fields_add_id(&fields, FIELD_USER_AGENT, STR_OF("usherd/" USHERD_VERSION));
	fields_add_id(&fields, FIELD_CONNECTION, STR_OF("close"));
	p->stream->ops->send_head(p->stream, &fields, p->request.method, p->check->target,
	    FRAMING_NONE, 0, (struct str){ NULL, 0 });
	p->stream->ops->send_end(p->stream, NULL);
	p->stream->ops->want_body(p->stream, BODY_MAX);
}

void
probe_start_http(struct probe *p, const struct addr *addr, const struct probe_target *t)
{
	const struct conf_backend *b = t->backend;

	p->request = (struct request){ .method = STR("GET"), .method_id = METHOD_GET, .minor = 1 };
	p->owner = (struct h1_back_owner){ .idle = on_idle, .closed = on_closed,
		.bare_lf = b->bare_lf };
	if (t->server->scheme == SCHEME_HTTPS) {
		if (t->tls == NULL) {
			probe_find(p, FOUND_FAILED, "tls is not set up for this backend");
			probe_finish_soon(p);
			return;
		}
		p->owner.tls = t->tls;
		p->owner.tls_name = b->tls_name.p != NULL ? b->tls_name : str_of(t->server->host);
	}
	p->stream = h1_back_connect(p->loop, addr, &p->owner, &limits);
	if (p->stream == NULL) {
		probe_begin_failed(p, addr);
		return;
	}
	p->stream->events = &stream_events;
	p->stream->user = p;
	p->stream->request = &p->request;
	p->stream->arena = &p->arena;
	if (p->header_len > 0)
		h1_back_preface(p->stream, p->header, p->header_len);
	send_request(p, b->check.host.p != NULL ? b->check.host : str_of(t->server->host_field));
}
