/*
 * types_server.c - servers: their addresses and the options behind them.
 */
#include "base/check.h"
#include "conf/options.h"
#include "conf/server_line.h"
#include "conf/types.h"
#include "http/target.h"

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
	    " http://HOST:PORT)", STR_ARG(conf_shown(c, *text)));
	return false;
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

/* The name of SRV records, which know the ports. */
static bool
srv_server(struct conf_parse *c, struct conf_server *s, struct str name)
{
	struct ip_port ip;
	struct str host;

	if (!target_authority(name, &host, &s->port) || s->port != 0 || !conf_is_host(host) ||
	    ip_parse(&ip, host)) {
		conf_bad(c, "\"%.*s\" is no name of SRV records (use srv:_http._tcp.example.com)",
		    STR_ARG(conf_shown(c, s->text)));
		return false;
	}
	s->srv = true;
	s->host = conf_lower(c, host);
	s->host_field = s->host;
	return true;
}

/* A port was left out where it may be; one that was written is none. */
static bool
use_port(struct conf_parse *c, struct conf_server *s, struct str rest, bool url, uint16_t usual)
{
	struct str shown = conf_shown(c, s->text);

	if (s->port != 0)
		return true;
	if (!str_ends(rest, STR_OF("]")) && str_find(rest, ':') >= 0) {
		conf_bad(c, "\"%.*s\": the port is a number from 1 to 65535", STR_ARG(shown));
		return false;
	}
	if (!url) {
		conf_bad(c, "\"%.*s\" has no port (use %.*s:80)", STR_ARG(shown),
		    STR_ARG(shown));
		return false;
	}
	s->port = usual;
	return true;
}

/* `[http[s]://]HOST[:PORT]`, with a slash at the end if it is a URL. */
static bool
tcp_server(struct conf_parse *c, struct conf_server *s)
{
	static const struct str srv = STR("srv:");
	struct str rest = s->text, host;
	uint16_t usual;
	bool url;

	if (!cut_scheme(c, s, &rest, &url))
		return false;
	usual = s->scheme == SCHEME_HTTPS ? 443 : 80;
	if (url && str_ends(rest, STR_OF("/")))
		rest.n--;
	if (str_starts(rest, srv))
		return srv_server(c, s, str_skip(rest, srv.n));
	if (!target_authority(rest, &host, &s->port) || !conf_is_host(host)) {
		conf_bad(c, "\"%.*s\" is no server (use HOST:PORT, http://HOST, https://HOST or"
		    " unix:/path)", STR_ARG(conf_shown(c, s->text)));
		return false;
	}
	if (!use_port(c, s, rest, url, usual))
		return false;
	s->host = conf_lower(c, host);
	s->host_field = str_find(host, ':') >= 0 ?
	    arena_printf(c->arena, "[%.*s]", STR_ARG(host)) : s->host;
	if (s->port != usual)
		s->host_field = arena_printf(c->arena, "%.*s:%u", STR_ARG(s->host_field), s->port);
	return true;
}

/* 0: no new requests, whatever it would weigh otherwise. */
static bool
server_weight(struct conf_parse *c, struct str text, void *place)
{
	struct conf_server *s = CONTAINER_OF((unsigned *)place, struct conf_server, weight);

	s->drains = str_eq(text, STR_OF("0"));
	return s->drains || conf_unsigned(c, text, place);
}

/* Here `off` is none at all: a server that says nothing does as its backend. */
static bool
server_slow_start(struct conf_parse *c, struct str text, void *place)
{
	msec *out = place;

	if (!conf_duration(c, text, out))
		return false;
	if (*out == CONF_OFF)
		*out = 0;
	return true;
}

static const struct conf_directive server_options[] = {
	{ ROW("weight"), .parse = server_weight,
	  RANGE(1, CONF_WEIGHT_MAX), FIELD(conf_server, weight) },
	{ ROW("max_conns"), .parse = conf_count,
	  LIMIT(1, UINT32_MAX), FIELD(conf_server, max_conns) },
	{ ROW("slow_start"), .parse = server_slow_start,
	  LIMIT(1, CONF_SLOW_START_MAX), FIELD(conf_server, slow_start_ms) },
	{ ROW("backup"), FIELD(conf_server, backup) },
	{ ROW("down"), FIELD(conf_server, down) },
};

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
		.slow_start_ms = CONF_OFF,
	};
	s->line = s->text;
	return str_starts(text, unix_prefix) ?
	    unix_server(c, s, str_skip(s->text, unix_prefix.n)) : tcp_server(c, s);
}

static bool
read_server(struct conf_parse *c, struct str text, struct conf_server *s)
{
	struct conf_strs words;
	bool ok;

	if (!conf_split(c, text, &words))
		return false;
	ok = conf_server_address(c, s, words.v[0]);
	s->line = arena_str(c->arena, text);
	ok &= conf_options(c, &words, 1, server_options, ARRAY_LEN(server_options), s);
	return ok;
}

bool
conf_server_line(struct conf_parse *c, struct str text, void *place)
{
	struct conf_server s;

	(void)place;
	if (!read_server(c, text, &s))
		return false;
	conf_item(c, &s);
	return true;
}

struct reason {
	struct arena *arena;
	struct str text;
};

/* Keeps the first message, from the key on: it has no place in a file. */
static void
keep_reason(void *arg, bool is_error, const char *line)
{
	struct reason *r = arg;
	const char *title = strstr(line, "] ");

	if (is_error && r->text.p == NULL)
		r->text = arena_str(r->arena, str_of(title != NULL ? title + 2 : line));
}

bool
conf_server_parse(struct arena *arena, struct str text, struct conf_server *server,
    struct str *why)
{
	struct conf_section section = { .kind = KIND_BACKEND, .name = STR("") };
	struct conf_line line = { .key = STR("server"), .raw = text, .at = { "run time", 0 } };
	struct conf_directive row = { ROW("server") };
	struct reason reason = { .arena = arena };
	struct conf_errors *errors = conf_errors_new();
	struct conf_document document;
	struct conf_parse c = {
		.document = &document,
		.arena = arena,
		.section = &section,
		.row = &row,
		.line = &line,
	};
	bool ok;

	conf_document_init(&document, arena, errors);
	c.scratch = &document.arena;
	text = str_trim(text);
	if (text.n == 0)
		conf_bad(&c, "has no value (use HOST:PORT)");
	ok = text.n > 0 && read_server(&c, text, server);
	conf_errors_each(errors, keep_reason, &reason);
	*why = reason.text;
	conf_document_fini(&document);
	conf_errors_free(errors);
	return ok;
}
