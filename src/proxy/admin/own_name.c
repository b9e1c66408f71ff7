/*
 * own_name.c - the names under which the status pages answer.
 */
#include "proxy/admin/own_name.h"

#include <string.h>

static bool
is_below(struct str name, struct str suffix)
{
	return name.n > suffix.n && str_ends(name, suffix);
}

static bool
matches(struct str host, struct str name)
{
	if (str_starts(name, STR_OF("*.")))
		return is_below(host, str_skip(name, 1));
	return str_eq(host, name);
}

/* Some browsers and libraries take `localhost`, and all names below it, for loopback themselves. */
static bool
is_loopback_name(struct str host)
{
	return str_eq(host, STR_OF("localhost")) || is_below(host, STR_OF(".localhost"));
}

static bool
is_same_address(const struct ip_port *a, const struct ip_port *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool
own_name_is(struct http_stream *s, const struct conf_strs *names)
{
	struct str host = s->request.host;
	struct ip_port ip;

	if (host.n == 0 || s->peer->peer.family == AF_UNIX || is_loopback_name(host))
		return true;
	for (unsigned i = 0; i < names->n; i++)
		if (matches(host, names->v[i]))
			return true;
	return ip_parse(&ip, host) &&
	    (ip_is_loopback(&ip) || is_same_address(&ip, http_stream_local(s)));
}
