/*
 * https.c - what a host demands of the connection that a request comes on.
 */
#include "proxy/tls/https.h"

#include "proxy/answer.h"
#include "proxy/runtime.h"
#include "proxy/tls/sites.h"

enum { HTTPS_PORT = 443 };

bool
https_refuses(struct exchange *x)
{
	const struct tls_info *tls = x->stream->peer->tls;

	if (tls == NULL)
		return false;
	switch (sites_check(x->runtime->sites, tls, x->listen, x->host, x->request->host)) {
	case SITES_NOT_COVERED:
		exchange_fail(x, 421, "misdirected", "the certificate of this connection does not"
		    " cover the host");
		return true;
	case SITES_OTHER_CLIENTS:
		exchange_fail(x, 421, "misdirected", "the host has other rules for client"
		    " certificates than the server name of this connection");
		return true;
	default:
		return false;
	}
}

/* The host as the URL has it: the request's, else the first whole name; absent if there is none. */
static struct str
url_host(const struct exchange *x)
{
	struct str name = x->request->host;

	for (unsigned i = 0; name.n == 0 && x->host != NULL && i < x->host->names.n; i++)
		if (!str_starts(x->host->names.v[i], STR_OF("*")))
			name = x->host->names.v[i];
	if (str_find(name, ':') >= 0 && name.p[0] != '[')
		return arena_printf(&x->stream->arena, "[%.*s]", STR_ARG(name));
	return name;
}

bool
https_redirects(struct exchange *x)
{
	const struct target *t = &x->request->target;
	struct arena *arena = &x->stream->arena;
	struct response *r;
	struct str host, port = STR(""), path = t->path;
	unsigned number;

	if (str_eq(x->scheme, STR_OF("https")))
		return false;
	host = url_host(x);
	if (host.n == 0) {
		exchange_fail(x, 400, "https-only", "without a Host there is no URL to go"
		    " to");
		return true;
	}
	number = sites_https_port(x->runtime->sites, x->host);
	if (number != HTTPS_PORT)
		port = arena_printf(arena, ":%u", number);
	if (!str_starts(path, STR_OF("/")))
		path = STR_OF("/");	/* OPTIONS * */
	r = answer_new(x, 308);
	fields_add_id(&r->fields, FIELD_LOCATION, arena_printf(arena, "https://%.*s%.*s%.*s%s%.*s",
	    STR_ARG(host), STR_ARG(port), STR_ARG(path), t->query.p != NULL ? "?" : "",
	    STR_ARG(t->query)));
	answer_send(x, r, (struct str){ NULL, 0 }, STR_OF(""));
	return true;
}
