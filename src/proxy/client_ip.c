/*
 * client_ip.c - who the client is when proxies that we trust stand in between.
 */
#include "proxy/client_ip.h"

#include "base/check.h"

bool
client_ip_trusts(const struct conf_listen *listen, const struct ip_port *peer)
{
	return listen != NULL && listen->trusted_proxies.n > 0 &&
	    cidrs_have(listen->trusted_proxies.v, listen->trusted_proxies.n, peer);
}

/* Cuts the last element off a comma-separated list. */
static bool
last_item(struct str *list, struct str *item)
{
	size_t n = list->n;

	if (list->p == NULL)
		return false;
	while (n > 0 && list->p[n - 1] != ',')
		n--;
	*item = str_trim(str_skip(*list, n));
	*list = n > 0 ? str_make(list->p, n - 1) : (struct str){ NULL, 0 };
	return true;
}

/* An address as proxies write it: `192.0.2.1`, `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
static bool
parse_node(struct str node, struct ip_port *ip)
{
	struct addr a;

	if (ip_parse(ip, node))
		return true;
	if (node.n == 0 || (node.p[0] != '[' && !char_is(node.p[0], CHAR_DIGIT)) ||
	    str_find(node, ':') < 0 || !addr_parse(&a, node, 0))
		return false;
	ip_port_from(ip, &a.sa);
	return true;
}

/* The `for=` of one element of a Forwarded field: RFC 7239, section 4; absent if it has none. */
static struct str
forwarded_for(struct str element)
{
	struct str pair;

	while (str_cut(&element, ';', &pair)) {
		struct str name;

		pair = str_trim(pair);
		if (!str_cut(&pair, '=', &name) || !str_ieq(name, STR_OF("for")) || pair.p == NULL)
			continue;
		if (pair.n >= 2 && pair.p[0] == '"' && pair.p[pair.n - 1] == '"')
			pair = str_make(pair.p + 1, pair.n - 2);
		return pair;
	}
	return (struct str){ NULL, 0 };
}

/* Walks one field line from the right; false to go on with the line before it. */
static bool
walk(struct exchange *x, struct str list)
{
	struct str item;
	struct ip_port ip;

	while (last_item(&list, &item)) {
		if (x->listen->client_ip_from == CLIENT_IP_FORWARDED)
			item = forwarded_for(item);
		if (item.p == NULL || !parse_node(item, &ip))
			return true;		/* further left: said by who knows whom */
		x->client = ip;
		if (!client_ip_trusts(x->listen, &ip))
			return true;
	}
	return false;
}

static bool
is_the_field(const struct conf_listen *listen, const struct field *f)
{
	switch (listen->client_ip_from) {
	case CLIENT_IP_XFF:
		return f->id == FIELD_X_FORWARDED_FOR;
	case CLIENT_IP_FORWARDED:
		return f->id == FIELD_FORWARDED;
	default:
		return str_ieq(f->name, listen->client_ip_header);
	}
}

bool
client_ip_describes(const struct conf_listen *listen, const struct field *f)
{
	return field_describes_client(f->id, f->name) ||
	    (listen->client_ip_from == CLIENT_IP_HEADER && is_the_field(listen, f));
}

void
client_ip_find(struct exchange *x)
{
	const struct fields *fields = &x->request->fields;
	struct field *proto;

	x->client = x->stream->peer->client;
	x->scheme = x->stream->peer->tls != NULL ? STR_OF("https") : STR_OF("http");
	if (!x->trusted)
		return;
	proto = fields_find(fields, FIELD_X_FORWARDED_PROTO);
	if (proto != NULL && str_ieq(proto->value, STR_OF("https")))
		x->scheme = STR_OF("https");
	else if (proto != NULL && str_ieq(proto->value, STR_OF("http")))
		x->scheme = STR_OF("http");
	for (unsigned i = fields->n; i-- > 0;)
		if (!fields->v[i].gone && is_the_field(x->listen, &fields->v[i]) &&
		    walk(x, fields->v[i].value))
			return;
}
