/*
 * foreign.c - the words of other servers' configurations, and what they are called here.
 */
#include "conf/foreign.h"

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
	{ STR("events"), "[global]" },
	{ STR("frontend"), "[listen], and [route]" },
	{ STR("gzip"), "compress = gzip" },
	{ STR("gzip_min_length"), "compress_min" },
	{ STR("gzip_static"), "precompressed = gzip" },
	{ STR("gzip_types"), "compress_types" },
	{ STR("http"), "[defaults]" },
	{ STR("http-request"), "request_set of [headers], or an action of [route]" },
	{ STR("http-response"), "response_set of [headers]" },
	{ STR("ip_hash"), "balance = ip_hash" },
	{ STR("least_conn"), "balance = least_conn" },
	{ STR("location"), "[route], with its path" },
	{ STR("log_format"), "format of [log]" },
	{ STR("maxconn"), "max_connections of [global], max_conns of a server" },
	{ STR("option"), "a key of its own, as check or access_log" },
	{ STR("proxy_buffering"), "response_buffering" },
	{ STR("proxy_connect_timeout"), "connect_timeout" },
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
	{ STR("return"), "respond, or redirect" },
	{ STR("root"), "files" },
	{ STR("server"), "[host], with its [listen]; server = in a [backend]" },
	{ STR("server_name"), "names of [host]" },
	{ STR("set_real_ip_from"), "trusted_proxies" },
	{ STR("split_clients"), "split of [route]" },
	{ STR("ssl"), "tls = on" },
	{ STR("ssl_certificate"), "certificate" },
	{ STR("ssl_certificate_key"), "the second path of certificate" },
	{ STR("ssl_ciphers"), "tls_ciphers" },
	{ STR("ssl_client_certificate"), "tls_client_ca" },
	{ STR("ssl_protocols"), "tls_min" },
	{ STR("ssl_verify_client"), "tls_client_verify" },
	{ STR("stub_status"), "listen of [admin]" },
	{ STR("timeout"), "connect_timeout, read_timeout and others" },
	{ STR("upstream"), "[backend]" },
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
	for (size_t i = 0; i < sizeof(misplaced) / sizeof(misplaced[0]); i++)
		if (misplaced[i].kind == kind && str_eq(misplaced[i].theirs, word))
			return misplaced[i].ours;
	return NULL;
}

const char *
conf_foreign(struct str word)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_eq(words[i].theirs, word))
			return words[i].ours;
	return NULL;
}
