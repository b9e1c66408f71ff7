/* An exchange that is over, made by hand, for tests of what reads one: variables and logs. */

#ifndef FIXTURE_H
#define FIXTURE_H

#include "proxy/exchange.h"
#include "proxy/route/route.h"
#include "proxy/runtime.h"

struct fixture {
	struct exchange x;
	struct http_stream stream;
	struct http_peer peer;
	struct runtime runtime;
	struct response response;
	struct conf_host host;
	struct conf_route conf;
	struct conf_policy policy;
	struct route route;
	struct conf_backend backend;
	struct conf_listen listen;
	struct attempt attempts[2];
};

static inline void
fixture_init(struct fixture *f)
{
	struct request *r = &f->stream.request;

	*f = (struct fixture){ .x.status = 200 };
	clock_update();
	arena_init(&f->stream.arena);
	f->stream.peer = &f->peer;
	f->stream.start_us = clock_us() - 12345;
	f->stream.bytes_in = 321;
	f->stream.body_out = 1234;
	ck_assert(ip_parse(&f->peer.peer, STR_OF("10.9.8.7")));
	ck_assert(ip_parse(&f->peer.local, STR_OF("2001:db8::1")));
	f->peer.local.port = 8080;
	r->method = STR_OF("GET");
	r->raw_target = STR_OF("/a%20b?x=1&y=two");
	r->path = STR_OF("/a b");
	r->target.query = STR_OF("x=1&y=two");
	r->minor = 1;
	r->host = STR_OF("shop.example.com");
	fields_init(&r->fields, &f->stream.arena);
	fields_init(&f->response.fields, &f->stream.arena);
	f->host.name = STR_OF("shop");
	f->conf.name = STR_OF("all");
	f->conf.policy = &f->policy;
	f->route.conf = &f->conf;
	f->route.policy = &f->policy;
	f->backend.name = STR_OF("app");
	f->runtime.slot = 3;
	f->x.stream = &f->stream;
	f->x.request = r;
	f->x.runtime = &f->runtime;
	f->listen.name = STR_OF("web");
	f->x.listen = &f->listen;
	f->x.host = &f->host;
	f->x.route = &f->route;
	f->x.conf = &f->conf;
	f->x.policy = &f->policy;
	f->x.backend = &f->backend;
	f->x.scheme = STR_OF("http");
	ck_assert(ip_parse(&f->x.client, STR_OF("192.0.2.1")));
	f->x.client.port = 5555;
	f->x.request_id = STR_OF("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}

/* Adds a field to the request. */
static inline void
fixture_field(struct fixture *f, const char *name, const char *value)
{
	struct field *field = fields_add(&f->stream.request.fields, str_of(name), str_of(value));

	field->id = field_lookup(str_of(name));
}

/* Two attempts: a refused connection, then an answer over a new one. */
static inline void
fixture_attempts(struct fixture *f)
{
	f->attempts[0] = (struct attempt){
		.next = &f->attempts[1], .addr = STR_OF("10.0.0.1:80"),
		.start_us = 1000, .end_us = 2000,
	};
	f->attempts[1] = (struct attempt){
		.addr = STR_OF("10.0.0.2:80"), .status = 200,
		.start_us = 5000, .connected_us = 7000, .head_us = 9000, .end_us = 15000,
	};
	f->x.attempts = (struct attempts){ &f->attempts[0], 2 };
}

static inline void
fixture_fini(struct fixture *f)
{
	arena_fini(&f->stream.arena);
}

#endif
