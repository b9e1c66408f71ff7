/*
 * types_log.c - choices with an open end: where logs go and what fields are named.
 */
#include "base/check.h"
#include "conf/table.h"
#include "conf/types.h"

enum { MEMBER_NAME = 64 };		/* longest */

bool
conf_error_log(struct conf_parse *c, struct str text, void *place)
{
	struct conf_global *g = CONTAINER_OF(place, struct conf_global, error_log);

	if (str_eq(text, STR_OF("stderr"))) {
		g->error_log = LOG_TARGET_STDERR;
		return true;
	}
	if (str_eq(text, STR_OF("syslog"))) {
		g->error_log = LOG_TARGET_SYSLOG;
		return true;
	}
	g->error_log = LOG_TARGET_FILE;
	if (text.n > 0 && text.p[0] == '/')
		return conf_absolute_path(c, text, &g->error_log_path);
	conf_bad(c, "\"%.*s\" is neither stderr nor syslog nor an absolute path (begin with /)",
	    STR_ARG(conf_shown(c, text)));
	return false;
}

/* `udp:HOST:PORT`, what stands behind `syslog:`. */
static bool
syslog_udp(struct conf_parse *c, struct str text, struct conf_log *log)
{
	static const struct str udp = STR("udp:");

	if (str_starts(text, udp) && addr_parse(&log->syslog_addr, str_skip(text, udp.n), 514) &&
	    log->syslog_addr.sa.sa_family != AF_UNIX)
		return true;
	conf_bad(c, "\"syslog:%.*s\" is no syslog address (use syslog: for /dev/log, or"
	    " syslog:udp:ADDRESS:PORT with an IP address)", STR_ARG(conf_shown(c, text)));
	return false;
}

bool
conf_log_path(struct conf_parse *c, struct str text, void *place)
{
	struct conf_log *log = CONTAINER_OF(place, struct conf_log, target);
	static const struct str syslog = STR("syslog:");

	if (str_eq(text, STR_OF("stdout"))) {
		log->target = LOG_TARGET_STDOUT;
		return true;
	}
	if (str_eq(text, STR_OF("stderr"))) {
		log->target = LOG_TARGET_STDERR;
		return true;
	}
	if (str_starts(text, syslog)) {
		log->target = LOG_TARGET_SYSLOG;
		return text.n == syslog.n || syslog_udp(c, str_skip(text, syslog.n), log);
	}
	log->target = LOG_TARGET_FILE;
	if (text.n > 0 && text.p[0] == '/')
		return conf_absolute_path(c, text, &log->path);
	conf_bad(c, "\"%.*s\" is neither an absolute path (begin with /) nor stdout, stderr or"
	    " syslog:", STR_ARG(conf_shown(c, text)));
	return false;
}

bool
conf_log_format(struct conf_parse *c, struct str text, void *place)
{
	struct conf_log *log = CONTAINER_OF(place, struct conf_log, format);

	log->format = LOG_FORMAT_TEMPLATE;
	if (str_eq(text, STR_OF("combined")))
		log->format = LOG_FORMAT_COMBINED;
	else if (str_eq(text, STR_OF("json")))
		log->format = LOG_FORMAT_JSON;
	else if (str_find(text, '$') < 0) {
		conf_bad(c, "\"%.*s\" is neither combined nor json nor a template (which has"
		    " variables: $remote_addr)", STR_ARG(conf_shown(c, text)));
		return false;
	}
	return conf_text(c, text, &log->template_text);
}

/* What a member may be called needs no escapes in JSON. */
static bool
is_member_name(struct str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!char_is(name.p[i], CHAR_ALPHA | CHAR_DIGIT) &&
		    memchr("_-.@", name.p[i], 4) == NULL)
			return false;
	return name.n > 0 && name.n <= MEMBER_NAME;
}

bool
conf_log_member(struct conf_parse *c, struct str text, void *place)
{
	struct conf_member m = { .at = c->line->at };
	struct str rest = text, name;

	(void)place;
	if (!str_word(&rest, &name) || !is_member_name(name)) {
		conf_bad(c, "\"%.*s\" does not begin with the name of a member (use NAME $variable;"
		    " a name has letters, digits, _, -, . and @, at most %d of them)",
		    STR_ARG(conf_shown(c, text)), MEMBER_NAME);
		return false;
	}
	m.name = arena_str(c->arena, name);
	m.value = arena_str(c->arena, str_trim(rest));
	if (m.value.n == 0) {
		conf_bad(c, "%.*s has no value (use %.*s $variable)", STR_ARG(name), STR_ARG(name));
		return false;
	}
	conf_item(c, &m);
	return true;
}

static void
add_redacted(struct conf_parse *c, struct str name)
{
	struct str folded = conf_lower(c, name);

	for (size_t i = 0; i < folded.n; i++)
		if (folded.p[i] == '_')
			((char *)(uintptr_t)folded.p)[i] = '-';
	conf_item(c, &folded);
}

/* Some fields hold the same secrets as another. */
static bool
redact_word(struct conf_parse *c, struct str word)
{
	for (size_t i = 0; i < word.n; i++) {
		if (!char_is(word.p[i], CHAR_TOKEN) && memchr("[]", word.p[i], 2) == NULL) {
			conf_bad(c, "\"%.*s\" is no name of an argument, a field or a cookie (use"
			    " names with blanks between: password token)",
			    STR_ARG(conf_shown(c, word)));
			return false;
		}
	}
	add_redacted(c, word);
	if (str_ieq(word, STR_OF("cookie")))
		add_redacted(c, STR_OF("set-cookie"));
	if (str_ieq(word, STR_OF("authorization")))
		add_redacted(c, STR_OF("proxy-authorization"));
	return true;
}

bool
conf_redact(struct conf_parse *c, struct str text, void *place)
{
	(void)place;
	return str_eq(text, STR_OF("off")) || conf_each_word(c, text, redact_word);
}

bool
conf_client_ip_from(struct conf_parse *c, struct str text, void *place)
{
	struct conf_listen *l = CONTAINER_OF(place, struct conf_listen, client_ip_from);

	if (str_ieq(text, STR_OF("x-forwarded-for"))) {
		l->client_ip_from = CLIENT_IP_XFF;
		return true;
	}
	if (str_ieq(text, STR_OF("forwarded"))) {
		l->client_ip_from = CLIENT_IP_FORWARDED;
		return true;
	}
	if (!conf_is_token(text)) {
		conf_bad(c, "\"%.*s\" is no name of a header (use x-forwarded-for, forwarded or a"
		    " header)", STR_ARG(conf_shown(c, text)));
		return false;
	}
	l->client_ip_from = CLIENT_IP_HEADER;
	l->client_ip_header = conf_lower(c, text);
	return true;
}

/* HOST[:PORT] as it goes into a Host field: RFC 9110, 7.2. */
static bool
is_authority(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (!char_is(text.p[i], CHAR_HOST) && strchr(":[]", text.p[i]) == NULL)
			return false;
	return text.n > 0;
}

bool
conf_host_header(struct conf_parse *c, struct str text, void *place)
{
	struct conf_backend *b = CONTAINER_OF(place, struct conf_backend, host_header);

	if (str_eq(text, STR_OF("preserve"))) {
		b->host_header = HOST_PRESERVE;
		return true;
	}
	if (str_eq(text, STR_OF("server"))) {
		b->host_header = HOST_SERVER;
		return true;
	}
	if (!is_authority(text)) {
		conf_bad(c, "\"%.*s\" is no host name (use preserve, server or NAME)",
		    STR_ARG(conf_shown(c, text)));
		return false;
	}
	b->host_header = HOST_NAME;
	b->host_header_name = arena_str(c->arena, text);
	return true;
}
