/*
 * foreign.c - the words of other servers' configurations, and what they are called here.
 */
#include "conf/foreign.h"

#include "base/check.h"

static const struct {
	struct str theirs;
	const char *ours;
} words[] = {
	{ STR("acl"), "a condition of [route]" },
	{ STR("add_header"), "response_set of [headers]" },
	{ STR("alias"), "files, with strip_prefix" },
	{ STR("brotli"), "compress = br" },
	{ STR("brotli_static"), "precompressed = br" },
	{ STR("client_body_timeout"), "body_timeout" },
	{ STR("client_header_timeout"), "header_timeout" },
	{ STR("client_max_body_size"), "max_body" },
	{ STR("default_backend"), "a [route] with path = /*" },
	{ STR("default_server"), "default_host of [listen]" },
	{ STR("encode"), "compress" },
	{ STR("events"), "[global]" },
	{ STR("fail_timeout"), "eject of the backend" },
	{ STR("fall"), "check = ... fall=" },
	{ STR("fastcgi_pass"), "a backend that speaks HTTP: FastCGI is not spoken" },
	{ STR("file_server"), "files" },
	{ STR("frontend"), "[listen], and [route]" },
	{ STR("gzip"), "compress = gzip" },
	{ STR("gzip_min_length"), "compress_min" },
	{ STR("gzip_static"), "precompressed = gzip" },
	{ STR("gzip_types"), "compress_types" },
	{ STR("handle"), "[route], with its path" },
	{ STR("handle_path"), "[route], with its path and strip_prefix" },
	{ STR("http"), "[defaults]" },
	{ STR("http-request"), "request_set of [headers], or an action of [route]" },
	{ STR("http-response"), "response_set of [headers]" },
	{ STR("httpchk"), "check" },
	{ STR("inter"), "check = ... interval=" },
	{ STR("ip_hash"), "balance = ip_hash" },
	{ STR("lb_policy"), "balance" },
	{ STR("least_conn"), "balance = least_conn" },
	{ STR("location"), "[route], with its path" },
	{ STR("log_format"), "format of [log]" },
	{ STR("max_fails"), "eject of the backend" },
	{ STR("maxconn"), "max_connections of [global], max_conns of a server" },
	{ STR("option"), "a key of its own, as check or access_log" },
	{ STR("php_fastcgi"), "a backend that speaks HTTP: FastCGI is not spoken" },
	{ STR("proxy_buffering"), "response_buffering" },
	{ STR("proxy_connect_timeout"), "connect_timeout" },
	{ STR("proxy_cookie_domain"), "rewrite_location" },
	{ STR("proxy_cookie_path"), "rewrite_location" },
	{ STR("proxy_http_version"), "nothing: connections to servers are kept" },
	{ STR("proxy_ignore_client_abort"), "half_close_timeout" },
	{ STR("proxy_next_upstream"), "retry_on" },
	{ STR("proxy_pass"), "backend" },
	{ STR("proxy_read_timeout"), "read_timeout" },
	{ STR("proxy_redirect"), "rewrite_location" },
	{ STR("proxy_request_buffering"), "request_buffering" },
	{ STR("proxy_send_timeout"), "write_timeout" },
	{ STR("proxy_set_header"), "request_set of [headers]" },
	{ STR("proxy_ssl_name"), "tls_name" },
	{ STR("proxy_ssl_trusted_certificate"), "tls_ca" },
	{ STR("proxy_ssl_verify"), "tls_verify" },
	{ STR("real_ip_header"), "client_ip_from" },
	{ STR("redir"), "redirect" },
	{ STR("resolver_timeout"), "resolve of [backend]" },
	{ STR("return"), "respond, or redirect" },
	{ STR("reverse_proxy"), "backend" },
	{ STR("rise"), "check = ... rise=" },
	{ STR("root"), "files" },
	{ STR("sendfile"), "nothing: files are always sent so" },
	{ STR("server"), "[host], with its [listen]; server = in a [backend]" },
	{ STR("server_name"), "names of [host]" },
	{ STR("server_tokens"), "hide_server" },
	{ STR("set_real_ip_from"), "trusted_proxies" },
	{ STR("slowstart"), "slow_start" },
	{ STR("split_clients"), "split of [route]" },
	{ STR("ssl"), "tls = on" },
	{ STR("ssl_certificate"), "certificate" },
	{ STR("ssl_certificate_key"), "the second path of certificate" },
	{ STR("ssl_ciphers"), "tls_ciphers" },
	{ STR("ssl_client_certificate"), "tls_client_ca" },
	{ STR("ssl_protocols"), "tls_min" },
	{ STR("ssl_verify_client"), "tls_client_verify" },
	{ STR("stick-table"), "sticky of [backend]" },
	{ STR("stub_status"), "listen of [admin]" },
	{ STR("timeout"), "connect_timeout, read_timeout and others" },
	{ STR("upstream"), "[backend]" },
	{ STR("uri"), "path" },
	{ STR("use_backend"), "backend of a [route]" },
	{ STR("worker_connections"), "max_connections" },
	{ STR("worker_processes"), "workers" },
};

/* Keys that are known here too, or mean something else, in other sections. */
static const struct {
	enum conf_kind kind;
	struct str theirs;
	const char *ours;
} misplaced[] = {
	{ KIND_LISTEN, STR("address"), "bind" },
	{ KIND_LISTEN, STR("listen"), "bind" },
	{ KIND_LISTEN, STR("port"), "bind" },
	{ KIND_LISTEN, STR("server_name"), "names of [host]" },
	{ KIND_BACKEND, STR("address"), "server = HOST:PORT" },
	{ KIND_BACKEND, STR("backup"), "server = HOST:PORT backup" },
	{ KIND_BACKEND, STR("down"), "server = HOST:PORT down" },
	{ KIND_BACKEND, STR("host"), "server = HOST:PORT" },
	{ KIND_BACKEND, STR("max_conns"), "server = HOST:PORT max_conns=NUMBER" },
	{ KIND_BACKEND, STR("port"), "server = HOST:PORT" },
	{ KIND_BACKEND, STR("weight"), "server = HOST:PORT weight=NUMBER" },
};

const char *
conf_misplaced(enum conf_kind kind, struct str word)
{
	for (size_t i = 0; i < ARRAY_LEN(misplaced); i++)
		if (misplaced[i].kind == kind && str_eq(misplaced[i].theirs, word))
			return misplaced[i].ours;
	return NULL;
}

/* What this version does not do. */
static const struct {
	struct str theirs;
	const char *what;
} missing[] = {
	{ STR("cache"), "cache" },
	{ STR("http2"), "HTTP/2" },
	{ STR("limit_conn"), "rate limits" },
	{ STR("limit_conn_zone"), "rate limits" },
	{ STR("limit_req"), "rate limits" },
	{ STR("limit_req_zone"), "rate limits" },
	{ STR("proxy_cache"), "cache" },
	{ STR("proxy_cache_path"), "cache" },
	{ STR("proxy_cache_valid"), "cache" },
	{ STR("rate_limit"), "rate limits" },
};

static const struct {
	struct str theirs;
	const char *ours;
} variables[] = {
	{ STR("connection_upgrade"), "WebSocket needs no headers here" },
	{ STR("http_upgrade"), "WebSocket needs no headers here" },
	{ STR("proxy_add_x_forwarded_for"),
	  "X-Forwarded-For is sent anyway, see forwarded_headers" },
	{ STR("proxy_host"), "see host_header of [backend]" },
	{ STR("realip_remote_addr"), "here it is $peer_addr" },
	{ STR("request_body"), "bodies are in no variable" },
	{ STR("server_name"), "here it is $host_name" },
};

const char *
conf_foreign(struct str word)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_eq(words[i].theirs, word))
			return words[i].ours;
	return NULL;
}

const char *
conf_foreign_missing(struct str word)
{
	for (size_t i = 0; i < ARRAY_LEN(missing); i++)
		if (str_eq(missing[i].theirs, word))
			return missing[i].what;
	return NULL;
}

const char *
conf_foreign_variable(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(variables); i++)
		if (str_eq(variables[i].theirs, name))
			return variables[i].ours;
	return NULL;
}

static bool
begins_with_word(struct str line, const struct str *list, size_t n)
{
	struct str word;

	str_cut(&line, ' ', &word);
	for (size_t i = 0; i < n; i++)
		if (str_eq(word, list[i]))
			return true;
	return false;
}

const char *
conf_foreign_file(struct str line)
{
	static const struct str of_nginx[] = {
		STR("events"), STR("http"), STR("include"), STR("location"), STR("pid"),
		STR("server"), STR("stream"), STR("upstream"), STR("user"),
		STR("worker_processes"),
	};
	static const struct str of_haproxy[] = {
		STR("backend"), STR("defaults"), STR("frontend"), STR("global"), STR("listen"),
	};
	bool opens = str_ends(line, STR_OF("{"));

	if (str_ends(line, STR_OF(";")) ||
	    (opens && begins_with_word(line, of_nginx, ARRAY_LEN(of_nginx))))
		return "an nginx.conf";
	if (opens)
		return "a Caddyfile";
	return begins_with_word(line, of_haproxy, ARRAY_LEN(of_haproxy)) ? "a haproxy.cfg" : NULL;
}
