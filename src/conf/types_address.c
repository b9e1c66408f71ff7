/*
 * types_address.c - addresses: to listen at, ranges of them, and names for them.
 */
#include <netdb.h>
#include <unistd.h>

#include "conf/types.h"

enum { DNS_PORT = 53 };

/* A bare port means all addresses of both families; without IPv6 in the kernel, those of IPv4. */
static void
widen(struct addr *a)
{
	uint16_t port = addr_port(a);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	close(fd);
	*a = (struct addr){ .len = sizeof(a->in6) };
	a->in6.sin6_family = AF_INET6;
	a->in6.sin6_addr = in6addr_any;
	addr_set_port(a, port);
}

static bool
bind_word(struct conf_parse *c, struct str word)
{
	struct conf_bind bind = { .at = c->line->at };
	bool is_unix = str_starts(word, STR_OF("unix:"));

	if (!addr_parse(&bind.addr, word, 0) || (is_unix && (word.n < 6 || word.p[5] != '/')) ||
	    (!is_unix && addr_port(&bind.addr) == 0)) {
		if (str_eq(word, STR_OF("ssl")) || str_eq(word, STR_OF("tls")))
			conf_bad(c, "\"%.*s\" is no address (TLS is a key of its own: tls = on)",
			    STR_ARG(word));
		else if (str_eq(word, STR_OF("default_server")))
			conf_bad(c, "\"default_server\" is no address (use default_host = HOST)");
		else
			conf_bad(c, "\"%.*s\" is no address to listen at (use 80, 127.0.0.1:80,"
			    " [::1]:80 or unix:/path)", STR_ARG(conf_shown(c, word)));
		return false;
	}
	if (str_all(word, CHAR_DIGIT))
		widen(&bind.addr);
	bind.text = arena_str(c->arena, word);
	conf_item(c, &bind);
	return true;
}

bool
conf_binds(struct conf_parse *c, struct str text, void *place)
{
	(void)place;
	return conf_each_word(c, text, bind_word);
}

static bool
name_server_word(struct conf_parse *c, struct str word)
{
	struct ip_port ip;
	struct addr a;

	if (ip_parse(&ip, word)) {
		addr_from_ip_port(&a, &ip);
		addr_set_port(&a, DNS_PORT);
	} else if (str_all(word, CHAR_DIGIT) || !addr_parse(&a, word, 0) ||
	    a.sa.sa_family == AF_UNIX || word.p[0] == '*') {
		conf_bad(c, "\"%.*s\" is no address of a name server (use 192.0.2.53,"
		    " 127.0.0.1:5353 or [::1]:53)", STR_ARG(conf_shown(c, word)));
		return false;
	}
	conf_item(c, &a);
	return true;
}

bool
conf_name_servers(struct conf_parse *c, struct str text, void *place)
{
	(void)place;
	return conf_each_word(c, text, name_server_word);
}

static bool
range_word(struct conf_parse *c, struct str word)
{
	struct cidr cidr;

	if (cidr_parse(&cidr, word)) {
		conf_item(c, &cidr);
		return true;
	}
	conf_bad(c, "\"%.*s\" is no range of addresses (use 10.0.0.0/8, 2001:db8::/32, 192.0.2.1 or"
	    " unix)", STR_ARG(conf_shown(c, word)));
	return false;
}

bool
conf_ranges(struct conf_parse *c, struct str text, void *place)
{
	(void)place;
	return conf_each_word(c, text, range_word);
}

bool
conf_is_host(struct str host)
{
	struct ip_port ip;

	if (host.n == 0 || host.n >= NI_MAXHOST / 4)
		return false;
	if (ip_parse(&ip, host))
		return true;
	for (size_t i = 0; i < host.n; i++)
		if (!char_is(host.p[i], CHAR_ALPHA | CHAR_DIGIT) &&
		    strchr("-._", host.p[i]) == NULL)
			return false;
	return true;
}

bool
conf_socket_path(struct conf_parse *c, struct str text, void *place)
{
	struct conf_bind *bind = place;
	struct str path;

	if (!conf_absolute_path(c, text, &path))
		return false;
	if (path.n >= sizeof(bind->addr.un.sun_path)) {
		conf_bad(c, "\"%.*s\" is too long for a socket (at most %zu bytes)",
		    STR_ARG(conf_shown(c, text)), sizeof(bind->addr.un.sun_path) - 1);
		return false;
	}
	*bind = (struct conf_bind){
		.addr.len = sizeof(bind->addr.un),
		.text = path,
		.at = c->line->at,
	};
	bind->addr.un.sun_family = AF_UNIX;
	memcpy(bind->addr.un.sun_path, path.p, path.n);
	return true;
}
