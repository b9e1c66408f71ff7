/*
 * types_log.c - choices with an open end: where logs go and what fields are named.
 */
#include "base/check.h"
#include "conf/types.h"

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
