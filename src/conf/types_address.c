/*
 * types_address.c - addresses: to listen at, ranges of them, and servers.
 */
#include <netdb.h>
#include <unistd.h>

#include "base/check.h"
#include "conf/suggest.h"
#include "conf/types.h"
#include "http/target.h"

enum { WEIGHT_MAX = 256 };

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
		conf_bad(c, "\"%.*s\" is no address to listen at (use 80, 127.0.0.1:80, [::1]:80 or"
		    " unix:/path)", STR_ARG(conf_shown(c, word)));
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
	struct conf_strs words;
	bool ok = true;

	(void)place;
	if (!conf_split(c, text, &words))
		return false;
	for (unsigned i = 0; i < words.n; i++)
		ok &= bind_word(c, words.v[i]);
	return ok;
}

bool
conf_ranges(struct conf_parse *c, struct str text, void *place)
{
	struct conf_strs words;
	struct cidr cidr;
	bool ok = true;

	(void)place;
	if (!conf_split(c, text, &words))
		return false;
	for (unsigned i = 0; i < words.n; i++) {
		if (cidr_parse(&cidr, words.v[i])) {
			conf_item(c, &cidr);
			continue;
		}
		conf_bad(c, "\"%.*s\" is no range of addresses (use 10.0.0.0/8, 2001:db8::/32,"
		    " 192.0.2.1 or unix)", STR_ARG(conf_shown(c, words.v[i])));
		ok = false;
	}
	return ok;
}

/* `https://` and the like; false after an error. */
static bool
cut_scheme(struct conf_parse *c, struct conf_server *s, struct str *text, bool *given)
{
	static const struct str http = STR("http://"), https = STR("https://");
	ptrdiff_t colon = str_find(*text, ':');

	*given = colon > 0 && str_starts(str_skip(*text, (size_t)colon), STR_OF("://"));
	if (!*given)
		return true;
	if (str_starts(*text, http)) {
		*text = str_skip(*text, http.n);
		return true;
	}
	if (str_starts(*text, https)) {
		*text = str_skip(*text, https.n);
		s->scheme = SCHEME_HTTPS;
		return true;
	}
	conf_bad(c, "\"%.*s\": this version speaks only http and https to servers (use"
	    " http://HOST:PORT)",
	    STR_ARG(conf_shown(c, *text)));
	return false;
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

static bool
unix_server(struct conf_parse *c, struct conf_server *s, struct str path)
{
	struct addr a;

	if (path.n == 0 || path.p[0] != '/' || !addr_parse(&a, s->text, 0)) {
		conf_bad(c, "\"%.*s\" is no unix socket (use unix:/path, of at most 107 bytes)",
		    STR_ARG(conf_shown(c, s->text)));
		return false;
	}
	s->host = arena_str(c->arena, path);
	s->host_field = arena_str(c->arena, STR_OF("localhost"));
	return true;
}

/* `[http[s]://]HOST[:PORT]`, with a slash at the end if it is a URL. */
static bool
tcp_server(struct conf_parse *c, struct conf_server *s)
{
	struct str rest = s->text, host;
	uint16_t usual;
	bool url;

	if (!cut_scheme(c, s, &rest, &url))
		return false;
	usual = s->scheme == SCHEME_HTTPS ? 443 : 80;
	if (url && str_ends(rest, STR_OF("/")))
		rest.n--;
	if (!target_authority(rest, &host, &s->port) || !conf_is_host(host)) {
		conf_bad(c, "\"%.*s\" is no server (use HOST:PORT, http://HOST, https://HOST or"
		    " unix:/path)", STR_ARG(conf_shown(c, s->text)));
		return false;
	}
	if (s->port == 0 && !url) {
		conf_bad(c, "\"%.*s\" has no port (use %.*s:80)", STR_ARG(conf_shown(c, s->text)),
		    STR_ARG(conf_shown(c, s->text)));
		return false;
	}
	if (s->port == 0)
		s->port = usual;
	s->host = conf_lower(c, host);
	s->host_field = str_find(host, ':') >= 0 ?
	    arena_printf(c->arena, "[%.*s]", STR_ARG(host)) : s->host;
	if (s->port != usual)
		s->host_field = arena_printf(c->arena, "%.*s:%u", STR_ARG(s->host_field), s->port);
	return true;
}

static void
bad_option(struct conf_parse *c, struct str word, struct str name)
{
	static const struct str known[] = {
		STR("weight"), STR("max_conns"), STR("backup"), STR("down"),
	};
	struct conf_suggest s;
	char hint[CONF_SUGGEST_TEXT];

	conf_suggest_init(&s, name);
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		conf_suggest_offer(&s, known[i]);
	conf_bad(c, "\"%.*s\": unknown option of a server (weight=N, max_conns=N, backup, down)%s",
	    STR_ARG(conf_shown(c, word)), conf_suggest_text(&s, hint));
}

static bool
server_option(struct conf_parse *c, struct conf_server *s, struct str word)
{
	struct str value = word, name;
	uint64_t n;

	str_cut(&value, '=', &name);
	if (str_eq(word, STR_OF("backup"))) {
		s->backup = true;
	} else if (str_eq(word, STR_OF("down"))) {
		s->down = true;
	} else if (str_eq(name, STR_OF("weight")) && value.p != NULL) {
		if (!str_uint(value, WEIGHT_MAX, &n) || n == 0) {
			conf_bad(c, "\"%.*s\": a weight is a number from 1 to %d (say down for a"
			    " server that gets nothing)", STR_ARG(conf_shown(c, word)), WEIGHT_MAX);
			return false;
		}
		s->weight = (unsigned)n;
	} else if (str_eq(name, STR_OF("max_conns")) && value.p != NULL) {
		if (str_eq(value, STR_OF("off"))) {
			s->max_conns = CONF_OFF;
			return true;
		}
		if (!str_uint(value, UINT32_MAX, &n) || n == 0) {
			conf_bad(c, "\"%.*s\": max_conns is a number from 1, or off",
			    STR_ARG(conf_shown(c, word)));
			return false;
		}
		s->max_conns = (int64_t)n;
	} else {
		bad_option(c, word, name);
		return false;
	}
	return true;
}

bool
conf_server_address(struct conf_parse *c, struct conf_server *s, struct str text)
{
	static const struct str unix_prefix = STR("unix:");

	*s = (struct conf_server){
		.at = c->line->at,
		.text = arena_str(c->arena, text),
		.scheme = SCHEME_HTTP,
		.weight = 1,
		.max_conns = CONF_OFF,
	};
	return str_starts(text, unix_prefix) ?
	    unix_server(c, s, str_skip(s->text, unix_prefix.n)) : tcp_server(c, s);
}

bool
conf_server_line(struct conf_parse *c, struct str text, void *place)
{
	struct conf_server s;
	struct conf_strs words;
	bool ok;

	(void)place;
	if (!conf_split(c, text, &words))
		return false;
	ok = conf_server_address(c, &s, words.v[0]);
	for (unsigned i = 1; i < words.n; i++)
		ok &= server_option(c, &s, words.v[i]);
	if (ok)
		conf_item(c, &s);
	return ok;
}
