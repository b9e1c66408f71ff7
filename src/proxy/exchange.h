/*
 * exchange.h - one request and its response.
 *
 *	http_stream ─► exchange ─► steps (route, ..., source) ─► source
 *	http_stream ◄─ filters ◄── exchange_head(), exchange_body() ◄─ source
 *
 * Everything an exchange makes lives in its stream's arena.
 */
#ifndef USHERD_PROXY_EXCHANGE_H
#define USHERD_PROXY_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/list.h"
#include "conf/snapshot.h"
#include "http/stream.h"
#include "net/timer.h"
#include "proxy/attempts.h"
#include "proxy/source.h"
#include "proxy/text/captures.h"
#include "shm/metrics.h"

struct runtime;				/* proxy/runtime.h: the proxy of this worker */
struct route;				/* proxy/route/route.h */
struct filter_node;			/* proxy/filter/filter.h */
struct mirror_tap;			/* proxy/forward/mirror.h */
struct response_buffer;			/* proxy/response_buffer.h */
struct exchange_end;

struct exchange {
	struct http_stream *stream;
	struct request *request;	/* the stream's */
	struct runtime *runtime;
	struct link link;		/* in runtime->exchanges */

	/* What was chosen. */
	const struct conf_listen *listen;	/* NULL on an admin listener */
	struct metrics_cell *listen_cell;	/* NULL on an admin listener */
	const struct conf_host *host;		/* NULL: none */
	const struct route *route;		/* NULL: none */
	const struct conf_route *conf;		/* the route's values, or those of a fallback */
	const struct conf_policy *policy;	/* how it is treated: that of `conf`, or of its
						 * split */
	const struct conf_backend *backend;	/* NULL: none */
	struct ip_port client;			/* $remote_addr: after trusted proxies */
	bool trusted;				/* the peer is a trusted proxy */
	struct str scheme;			/* "http" or "https", as the client used it */
	struct str request_id;			/* see proxy/request_id.h */
	struct str uri;				/* path and query to forward: raw, or rewritten */
	struct str path;			/* the same path, normalised: for our own sources */
	bool rewritten;				/* by a `rewrite`, so that no way leads back */
	struct str server_host;			/* of the last server that was asked: HOST[:PORT] */
	struct str told_host;			/* the Host that it got */
	const struct str *groups;		/* of the pattern whose replacement is written */
	struct captured route_captured;		/* what path_regex of the route took */
	struct captured rewrite_captured;	/* what a `rewrite` took */

	/* Steps and source. */
	unsigned step;				/* the next one in exchange_steps */
	const struct source *source;		/* NULL until one started */
	void *source_state;
	struct filter_node *request_filters;	/* those that see the request body; NULL: none */
	struct filter_node *filters;		/* the same for the response */
	struct response_buffer *response_buffer;	/* NULL: none */
	struct mirror_tap *mirror_tap;		/* of a request that is copied; NULL: it is not */
	struct stream_limits limits;
	uint64_t body_in;			/* of the request, after framing */

	struct exchange_end *ends;		/* see exchange_at_end(); newest first */

	/* The outcome. */
	int status;				/* of the final response; 0: none yet */
	struct response *response;		/* the head that was sent; NULL before */
	const struct response *upstream_response;	/* the last server's head; NULL: none */
	const char *why;			/* the fixed word of a failure; NULL: none */
	struct fields error_fields;		/* what an error page gets besides its own */
	struct attempts attempts;		/* of servers to answer */
	bool over;				/* no source any more: only the log is left */
	bool tunnel;
	bool preflight;				/* of CORS: all that there is to say is said */
};

/*
 * Takes a new stream: makes the exchange and walks its steps.  `listen` and `cell` are NULL for a
 * listener of the admin pages.
 */
void exchange_start(struct runtime *rt, const struct conf_listen *listen,
    struct metrics_cell *cell, struct http_stream *stream);

/* The same in two halves. */
void exchange_walk(struct exchange *x);
struct exchange *exchange_new(struct runtime *rt, const struct conf_listen *listen,
    struct metrics_cell *cell, struct http_stream *stream);

/*
 * A step that returns STEP_WAIT has set a source that waits: it gets the request body if it asks
 * for it, and its cancel() ends the wait when the exchange ends meanwhile.  This ends the wait, and
 * goes on with the next step; nothing happens if `waited` is the source no more, because the
 * exchange has been answered or has failed.
 */
void exchange_continue(struct exchange *x, const struct source *waited);

/* Calls run(arg) once when the exchange ends, however it ends; the last one registered comes
 * first.  The log line has been written then, and the arena still stands. */
void exchange_at_end(struct exchange *x, void (*run)(void *arg), void *arg);

/*
 * Whether the arena is as large as one exchange may make it: so many bytes, and so many times the
 * head of its request.  Asked at each step, and for each final head of a server, so that no mistake
 * of ours lets a peer fill the memory of a worker.
 */
enum { EXCHANGE_MEMORY = 4194304, EXCHANGE_MEMORY_TIMES = 64 };
bool exchange_is_full(const struct exchange *x);

/* Starts a source; the one before, if any, is cancelled. */
enum source_start exchange_set_source(struct exchange *x, const struct source *source,
    void *state);

/* Calls of a source; see source.h and stream.h. */
void exchange_info(struct exchange *x, const struct response *r);
void exchange_head(struct exchange *x, struct response *r);	/* r lives in the arena */
enum flow exchange_body(struct exchange *x, struct chain *moved);
void exchange_end(struct exchange *x, const struct fields *trailers);
void exchange_want(struct exchange *x, uint64_t bytes);

/*
 * What a filter of the response gives of its own accord, between calls of its body(): it passes the
 * filters behind it and goes out.  Whether the stream is full is no concern of the filter, which
 * can give no more than it took.
 */
void exchange_emit(struct exchange *x, struct filter_node *node, struct chain *moved);

void exchange_tunnel(struct exchange *x);

/*
 * The one door for failure.  `why` is a fixed word that logs and metrics show, the text says more
 * in the error log.  Answers with an error page when no head has gone out, else aborts the stream.
 */
void exchange_fail(struct exchange *x, int status, const char *why, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
