/*
 * fetch_attempt.c - asks a server of a backend: one attempt.
 */
#include <errno.h>
#include <string.h>

#include "net/proxy_header.h"
#include "proxy/fetch/fetch_internal.h"
#include "proxy/runtime.h"

enum {
	ATTEMPTS_MAX = 64,		/* that logs show; the last one stands for more */
	/* A connection idle for longer may be about to close: not for what goes out only once. */
	UNREPLAYABLE_IDLE_MS = 1000,
};

static struct attempt *
new_attempt(struct fetch *f)
{
	struct attempts *log = f->log;
	struct attempt **last;

	if (log == NULL)
		return ARENA_NEW(f->arena, struct attempt);
	last = &log->first;
	while (*last != NULL && ((*last)->next != NULL || log->n < ATTEMPTS_MAX))
		last = &(*last)->next;
	if (*last == NULL)
		*last = ARENA_NEW(f->arena, struct attempt);
	else
		**last = (struct attempt){ 0 };
	log->n++;
	return *last;
}

static void
note_attempt(struct fetch *f)
{
	struct attempt *a = new_attempt(f);
	struct backend_tried *tried = &f->choice.tried;

	/* The log may outlive a server that is removed. */
	a->addr = arena_str(f->arena, f->server->addr_text);
	a->start_us = clock_us();
	f->attempt = a;
	f->outcome = OUTCOME_NEUTRAL;
	if (tried->n < BACKEND_TRIED_MAX)
		tried->v[tried->n++] = f->server->id;
}

static void
count_response(struct fetch *f, struct metrics_cell *cell)
{
	const struct attempt *a = f->attempt;

	metrics_count_status(cell, a->status);
	metrics_observe(&cell->time, (uint64_t)(a->end_us - a->start_us));
}

static void
count_bytes(const struct fetch *f, struct metrics_cell *cell)
{
	metrics_add(&cell->bytes_in, f->back->bytes_in);
	metrics_add(&cell->bytes_out, f->back->bytes_out);
}

void
fetch_release(struct fetch *f)
{
	if (f->attempt != NULL) {
		f->attempt->end_us = clock_us();
		count_response(f, f->server->cell);
		count_response(f, backend_cell(f->backend));
		metrics_count_code(backend_cell(f->backend), f->attempt->status);
		f->attempt = NULL;
	}
	if (f->back != NULL) {
		count_bytes(f, f->server->cell);
		count_bytes(f, backend_cell(f->backend));
		f->back = NULL;
	}
	if (f->server != NULL) {
		backend_report(f->backend, f->server, f->outcome);
		backend_give(f->backend, f->server);
	}
	f->server = NULL;
	f->connected = false;
}

void
fetch_abandon(struct fetch *f)
{
	struct back_stream *back = f->back;

	fetch_release(f);
	if (back != NULL)
		back->ops->cancel(back);
}

static void
send_proxy_header(struct fetch *f)
{
	enum conf_proxy_protocol version = f->conf->proxy_protocol;
	char header[PROXY_HEADER_MAX];

	if (version == PROXY_OFF)
		return;
	h1_back_preface(f->back, header,
	    proxy_header_write(header, version == PROXY_V1 ? 1 : 2, &f->client->peer->client,
	    http_stream_local(f->client)));
}

static void
send_request(struct fetch *f)
{
	const struct request *r = f->request;
	struct fields fields;

	f->events->fields(f->user, f->server->host_field, &fields);
	f->back->ops->send_head(f->back, &fields, r->method, f->target, r->framing,
	    r->content_length, r->upgrade);
	f->sent = f->kept.len;
	if (!chain_empty(&f->kept)) {
		struct chain again;

		chain_init(&again);
		chain_share(&again, &f->kept);
		(void)f->back->ops->send_body(f->back, &again);
	}
	if (f->request_ended)
		f->back->ops->send_end(f->back, f->trailers);
}

static void
open_stream(struct fetch *f)
{
	bool may_repeat = f->replayable && method_is_idempotent(f->request->method_id);
	msec max_idle = may_repeat ? TIMER_NEVER : UNREPLAYABLE_IDLE_MS;

	/* A connection is bound to the client that its PROXY header named. */
	if (f->fresh_only || f->conf->proxy_protocol != PROXY_OFF)
		max_idle = -1;
	f->back = server_open(f->server, &f->limits, max_idle);
	if (f->back == NULL)
		return;
	f->back->events = &fetch_back_events;
	f->back->user = f;
	f->back->request = f->request;
	f->back->arena = f->arena;
	f->back->sink_takes = f->sink_takes;
	f->connected = f->back->reused;
	window_open(&f->window);
	f->response_window = (struct window){ 0 };
}

static void
ask_for_body(struct fetch *f)
{
	if (f->asked)
		return;
	f->asked = true;
	fetch_want_request(f);
}

void
fetch_begin(struct fetch *f)
{
	note_attempt(f);
	open_stream(f);
	if (f->back == NULL) {
		fetch_back_events.failed(f, BACK_CONNECT, strerror(errno));
		return;
	}
	if (!f->connected)
		send_proxy_header(f);
	send_request(f);
	ask_for_body(f);
	if (f->connected) {
		fetch_reached(f);
		fetch_want_request(f);
	}
	fetch_want_response(f);
}

void
fetch_use_fresh(struct fetch *f)
{
	struct attempts *log = f->log;

	count_bytes(f, f->server->cell);
	count_bytes(f, backend_cell(f->backend));
	f->back = NULL;
	f->attempt = NULL;
	f->connected = false;
	f->fresh_only = true;
	f->choice.tried.n--;
	if (log != NULL && --log->n < ATTEMPTS_MAX) {
		struct attempt **last = &log->first;

		while ((*last)->next != NULL)
			last = &(*last)->next;
		*last = NULL;
	}
	fetch_begin(f);
}
