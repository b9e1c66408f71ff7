/*
 * table.c - every directive of the language in one row: the one source of truth.
 */
#include "conf/table.h"

#include <limits.h>

#include "base/check.h"
#include "conf/snapshot.h"
#include "conf/types.h"

#define DAY	(INT64_C(24) * 3600 * 1000)
#define YEAR	(365 * DAY)
#define MEGA	(INT64_C(1024) * 1024)
#define TERA	(MEGA * 1024 * 1024)

#ifndef USHERD_RUNSTATEDIR
#define USHERD_RUNSTATEDIR	"/run"
#endif
#ifndef USHERD_LOCALSTATEDIR
#define USHERD_LOCALSTATEDIR	"/var"
#endif
#ifndef USHERD_LOGDIR
#define USHERD_LOGDIR		USHERD_LOCALSTATEDIR "/log"
#endif

/* Where a directive's bytes are: from one field to another, or a field alone. */
#define SPAN(type, first, last) \
	.offset = offsetof(struct type, first), \
	.size = offsetof(struct type, last) + sizeof(((struct type *)0)->last) - \
	    offsetof(struct type, first)
#define FIELD(type, field)	SPAN(type, field, field)
/* A list: an array and its count in two fields, or in one field like struct conf_strs. */
#define LIST(type, array, count) \
	SPAN(type, array, count), .item = sizeof(*((struct type *)0)->array)
#define LIST_IN(type, field) \
	FIELD(type, field), .item = sizeof(*((struct type *)0)->field.v)

/* The sections that a directive may stand in. */
#define LISTEN_KEY		(IN(DEFAULTS) | IN(LISTEN))
#define BACKEND_KEY		(IN(DEFAULTS) | IN(BACKEND))
#define ROUTE_KEY		(IN(DEFAULTS) | IN(HOST) | IN(ROUTE))
#define ROUTE_BACKEND_KEY	(ROUTE_KEY | IN(BACKEND))
#define ACTION_KEY		(IN(HOST) | IN(ROUTE))

#define ROW(name)		.key = STR(name)
#define FLAGS(mask)		.flags = (mask)
#define RANGE(least, most)	.min = (least), .max = (most)
#define TIMEOUT(least)		RANGE(least, YEAR), FLAGS(DIRECTIVE_OFF)
#define LIMIT(least, most)	RANGE(least, most), FLAGS(DIRECTIVE_OFF)
#define CONDITION		FLAGS(DIRECTIVE_LIST | DIRECTIVE_CONDITION)
#define ACTION			FLAGS(DIRECTIVE_ACTION | DIRECTIVE_TEMPLATE)

static const char *const log_levels[] = { "error", "warn", "notice", "info", "debug", NULL };
static const char *const header_names[] = { "strict", "any", NULL };
static const char *const forwarded[] = { "x-forwarded", "forwarded", "both", "off", NULL };
static const char *const balances[] = { "round_robin", NULL };
static const char *const proxy_protocols[] = { "off", "v1", "v2", NULL };
static const char *const tls_versions[] = { "1.2", "1.3", NULL };
static const char *const bucket_styles[] = { "path", "virtual", NULL };
static const char *const presets[] = { "security", NULL };
/* In the order of enum conf_client_verify. */
static const char *const client_verify[] = { "off", "optional", "on", NULL };
static const char *const host_client_verify[] = { "off", "optional", "on", "listener", NULL };
static const char *const only_h1[] = { "h1", "this version speaks only HTTP/1", NULL };
static const char *const no_check[] = {
	"off", "health checks are not available in this version", NULL
};

/* What is text, and so becomes small; other media are compressed already. */
#define COMPRESS_TYPES \
	"text/* application/javascript application/json application/ld+json" \
	" application/manifest+json application/xml application/xhtml+xml application/rss+xml" \
	" application/atom+xml application/wasm application/vnd.ms-fontobject font/ttf font/otf" \
	" image/svg+xml image/bmp image/x-icon"

/* In the order of the manual. */
const struct conf_directive conf_directives[] = {
	{ ROW("user"), .where = IN(GLOBAL), .owner = KIND_GLOBAL,
	  .parse = conf_user,
	  FIELD(conf_global, user) },
	{ ROW("group"), .where = IN(GLOBAL), .owner = KIND_GLOBAL,
	  .parse = conf_group,
	  FIELD(conf_global, group) },
	{ ROW("workers"), .where = IN(GLOBAL), .owner = KIND_GLOBAL,
	  .parse = conf_workers, .def = "auto",
	  RANGE(1, 128), FIELD(conf_global, workers) },
	{ ROW("pid_file"), .where = IN(GLOBAL), .owner = KIND_GLOBAL,
	  .parse = conf_path_or_off, .def = USHERD_RUNSTATEDIR "/usherd.pid",
	  FIELD(conf_global, pid_file) },
	{ ROW("error_log"), .where = IN(GLOBAL), .owner = KIND_GLOBAL,
	  .parse = conf_error_log, .def = USHERD_LOGDIR "/usherd.error.log",
	  SPAN(conf_global, error_log, error_log_path) },
	{ ROW("log_level"), .where = IN(GLOBAL), .owner = KIND_GLOBAL,
	  .parse = conf_choice, .def = "notice",
	  FIELD(conf_global, log_level), .choices = log_levels },
	{ ROW("max_connections"), .where = IN(GLOBAL), .owner = KIND_GLOBAL,
	  .parse = conf_unsigned, .def = "10000",
	  RANGE(1, 10000000), FIELD(conf_global, max_connections) },
	{ ROW("shutdown_timeout"), .where = IN(GLOBAL), .owner = KIND_GLOBAL,
	  .parse = conf_duration, .def = "30s",
	  TIMEOUT(0), FIELD(conf_global, shutdown_timeout_ms) },
	{ ROW("drain_timeout"), .where = IN(GLOBAL), .owner = KIND_GLOBAL,
	  .parse = conf_duration, .def = "1h",
	  TIMEOUT(0), FIELD(conf_global, drain_timeout_ms) },
	{ ROW("chroot"), .where = IN(GLOBAL), .owner = KIND_GLOBAL,
	  .parse = conf_absolute_path,
	  FIELD(conf_global, chroot) },
	{ ROW("include"), .where = IN(GLOBAL), .owner = KIND_GLOBAL,
	  .parse = conf_include_names,
	  FLAGS(DIRECTIVE_LIST | DIRECTIVE_NOTED) },
	{ ROW("worker_priority"), .where = IN(GLOBAL), .owner = KIND_GLOBAL,
	  .parse = conf_int, .def = "0",
	  RANGE(-20, 19), FIELD(conf_global, worker_priority) },
	{ ROW("worker_cpu_affinity"), .where = IN(GLOBAL), .owner = KIND_GLOBAL,
	  .parse = conf_bool, .def = "off",
	  FIELD(conf_global, worker_cpu_affinity) },

	{ ROW("bind"), .where = IN(LISTEN), .owner = KIND_LISTEN,
	  .parse = conf_binds,
	  FLAGS(DIRECTIVE_LIST), LIST(conf_listen, binds, nbinds) },
	{ ROW("tls"), .where = IN(LISTEN), .owner = KIND_LISTEN,
	  .parse = conf_bool, .def = "off",
	  FIELD(conf_listen, tls) },
	{ ROW("protocols"), .where = IN(LISTEN), .owner = KIND_LISTEN,
	  .parse = conf_only,
	  FLAGS(DIRECTIVE_NOTED), .choices = only_h1 },
	{ ROW("default_host"), .where = IN(LISTEN), .owner = KIND_LISTEN,
	  .parse = conf_reference,
	  FIELD(conf_listen, default_host), .ref = KIND_HOST },
	{ ROW("backlog"), .where = LISTEN_KEY, .owner = KIND_LISTEN,
	  .parse = conf_int, .def = "4096",
	  RANGE(1, 65535), FIELD(conf_listen, backlog) },
	{ ROW("proxy_protocol"), .where = IN(LISTEN), .owner = KIND_LISTEN,
	  .parse = conf_bool, .def = "off",
	  FIELD(conf_listen, proxy_protocol) },
	{ ROW("trusted_proxies"), .where = LISTEN_KEY, .owner = KIND_LISTEN,
	  .parse = conf_ranges,
	  FLAGS(DIRECTIVE_LIST), LIST_IN(conf_listen, trusted_proxies) },
	{ ROW("client_ip_from"), .where = LISTEN_KEY, .owner = KIND_LISTEN,
	  .parse = conf_client_ip_from, .def = "x-forwarded-for",
	  SPAN(conf_listen, client_ip_from, client_ip_header) },
	{ ROW("header_names"), .where = LISTEN_KEY, .owner = KIND_LISTEN,
	  .parse = conf_choice, .def = "strict",
	  FIELD(conf_listen, header_names_any), .choices = header_names },
	{ ROW("header_timeout"), .where = LISTEN_KEY, .owner = KIND_LISTEN,
	  .parse = conf_duration, .def = "10s",
	  TIMEOUT(1), FIELD(conf_listen, header_timeout_ms) },
	{ ROW("keepalive_timeout"), .where = LISTEN_KEY, .owner = KIND_LISTEN,
	  .parse = conf_duration, .def = "60s",
	  TIMEOUT(0), FIELD(conf_listen, keepalive_timeout_ms) },
	{ ROW("keepalive_requests"), .where = LISTEN_KEY, .owner = KIND_LISTEN,
	  .parse = conf_count, .def = "1000",
	  LIMIT(1, INT64_MAX), FIELD(conf_listen, keepalive_requests) },
	{ ROW("max_header_size"), .where = LISTEN_KEY, .owner = KIND_LISTEN,
	  .parse = conf_bytes, .def = "32k",
	  LIMIT(512, 16 * MEGA), FIELD(conf_listen, max_header_size) },
	{ ROW("max_header_count"), .where = LISTEN_KEY, .owner = KIND_LISTEN,
	  .parse = conf_count, .def = "100",
	  LIMIT(1, 65536), FIELD(conf_listen, max_header_count) },
	{ ROW("max_uri"), .where = LISTEN_KEY, .owner = KIND_LISTEN,
	  .parse = conf_bytes, .def = "8k",
	  LIMIT(64, 16 * MEGA), FIELD(conf_listen, max_uri) },
	{ ROW("certificate"), .where = IN(LISTEN), .owner = KIND_LISTEN,
	  .parse = conf_certificates,
	  FLAGS(DIRECTIVE_LIST), LIST(conf_listen, certificates, ncertificates) },
	{ ROW("handshake_timeout"), .where = LISTEN_KEY, .owner = KIND_LISTEN,
	  .parse = conf_duration, .def = "10s",
	  TIMEOUT(1), FIELD(conf_listen, handshake_timeout_ms) },
	{ ROW("tls_min"), .where = LISTEN_KEY, .owner = KIND_LISTEN,
	  .parse = conf_choice, .def = "1.2",
	  FIELD(conf_listen, tls_min), .choices = tls_versions },
	{ ROW("tls_ciphers"), .where = LISTEN_KEY, .owner = KIND_LISTEN,
	  .parse = conf_names,
	  FIELD(conf_listen, tls_ciphers) },
	{ ROW("tls_ciphersuites"), .where = LISTEN_KEY, .owner = KIND_LISTEN,
	  .parse = conf_names,
	  FIELD(conf_listen, tls_ciphersuites) },
	{ ROW("tls_curves"), .where = LISTEN_KEY, .owner = KIND_LISTEN,
	  .parse = conf_names,
	  FIELD(conf_listen, tls_curves) },
	{ ROW("tls_client_ca"), .where = LISTEN_KEY, .owner = KIND_LISTEN,
	  .parse = conf_pem_file,
	  FIELD(conf_listen, clients.ca) },
	{ ROW("tls_client_crl"), .where = LISTEN_KEY, .owner = KIND_LISTEN,
	  .parse = conf_pem_file,
	  FIELD(conf_listen, clients.crl) },
	{ ROW("tls_client_verify"), .where = LISTEN_KEY, .owner = KIND_LISTEN,
	  .parse = conf_choice, .def = "off",
	  FIELD(conf_listen, clients.verify), .choices = client_verify },
	{ ROW("tls_tickets"), .where = LISTEN_KEY, .owner = KIND_LISTEN,
	  .parse = conf_bool, .def = "on",
	  FIELD(conf_listen, tls_tickets) },
	{ ROW("tls_ticket_secret"), .where = LISTEN_KEY, .owner = KIND_LISTEN,
	  .parse = conf_ticket_secret,
	  FIELD(conf_listen, tls_ticket_secret) },
	{ ROW("tls_key_passphrase"), .where = LISTEN_KEY, .owner = KIND_LISTEN,
	  .parse = conf_text,
	  FIELD(conf_listen, tls_key_passphrase) },

	{ ROW("names"), .where = IN(HOST), .owner = KIND_HOST,
	  .parse = conf_host_names,
	  FLAGS(DIRECTIVE_LIST), LIST_IN(conf_host, names) },
	{ ROW("listen"), .where = IN(HOST), .owner = KIND_HOST,
	  .parse = conf_references,
	  FLAGS(DIRECTIVE_LIST), LIST(conf_host, listens, nlistens), .ref = KIND_LISTEN },
	{ ROW("certificate"), .where = IN(HOST), .owner = KIND_HOST,
	  .parse = conf_certificates,
	  FLAGS(DIRECTIVE_LIST), LIST(conf_host, certificates, ncertificates) },
	{ ROW("redirect_https"), .where = IN(DEFAULTS) | IN(HOST), .owner = KIND_HOST,
	  .parse = conf_bool, .def = "off",
	  FIELD(conf_host, redirect_https) },
	{ ROW("tls_client_ca"), .where = IN(HOST), .owner = KIND_HOST,
	  .parse = conf_pem_file,
	  FIELD(conf_host, clients.ca) },
	{ ROW("tls_client_crl"), .where = IN(HOST), .owner = KIND_HOST,
	  .parse = conf_pem_file,
	  FIELD(conf_host, clients.crl) },
	{ ROW("tls_client_verify"), .where = IN(HOST), .owner = KIND_HOST,
	  .parse = conf_choice, .def = "listener",
	  FIELD(conf_host, clients.verify), .choices = host_client_verify },

	{ ROW("host"), .where = IN(ROUTE), .owner = KIND_ROUTE,
	  .parse = conf_references,
	  CONDITION, LIST(conf_route, hosts, nhosts), .ref = KIND_HOST },
	{ ROW("path"), .where = IN(ROUTE), .owner = KIND_ROUTE,
	  .parse = conf_paths,
	  CONDITION, LIST(conf_route, paths, npaths) },
	{ ROW("path_regex"), .where = IN(ROUTE), .owner = KIND_ROUTE,
	  .parse = conf_patterns,
	  FLAGS(DIRECTIVE_LIST | DIRECTIVE_CONDITION | DIRECTIVE_VERBATIM),
	  LIST_IN(conf_route, path_regex) },
	{ ROW("method"), .where = IN(ROUTE), .owner = KIND_ROUTE,
	  .parse = conf_methods,
	  CONDITION, LIST_IN(conf_route, methods) },
	{ ROW("header"), .where = IN(ROUTE), .owner = KIND_ROUTE,
	  .parse = conf_header_match,
	  CONDITION, LIST(conf_route, headers, nheaders) },
	{ ROW("query"), .where = IN(ROUTE), .owner = KIND_ROUTE,
	  .parse = conf_pair_matches,
	  CONDITION, LIST(conf_route, queries, nqueries) },
	{ ROW("cookie"), .where = IN(ROUTE), .owner = KIND_ROUTE,
	  .parse = conf_pair_matches,
	  CONDITION, LIST(conf_route, cookies, ncookies) },
	{ ROW("client"), .where = IN(ROUTE), .owner = KIND_ROUTE,
	  .parse = conf_ranges,
	  CONDITION, LIST_IN(conf_route, clients) },

	{ ROW("backend"), .where = ACTION_KEY, .owner = KIND_ROUTE,
	  .parse = conf_reference,
	  FLAGS(DIRECTIVE_ACTION), FIELD(conf_route, backend), .ref = KIND_BACKEND },
	{ ROW("redirect"), .where = ACTION_KEY, .owner = KIND_ROUTE,
	  .parse = conf_redirect,
	  ACTION, SPAN(conf_route, redirect_status, redirect_url) },
	{ ROW("respond"), .where = ACTION_KEY, .owner = KIND_ROUTE,
	  .parse = conf_respond,
	  ACTION, SPAN(conf_route, respond_status, respond_text) },

	{ ROW("files"), .where = ACTION_KEY, .owner = KIND_ROUTE,
	  .parse = conf_directory,
	  FLAGS(DIRECTIVE_ACTION), FIELD(conf_route, files) },
	{ ROW("bucket"), .where = ACTION_KEY, .owner = KIND_ROUTE,
	  .parse = conf_reference,
	  FLAGS(DIRECTIVE_ACTION), FIELD(conf_route, bucket), .ref = KIND_BUCKET },
	{ ROW("split"), .where = ACTION_KEY, .owner = KIND_ROUTE,
	  .parse = conf_splits,
	  ACTION, SPAN(conf_route, splits, split_key), .ref = KIND_BACKEND },

	{ ROW("strip_prefix"), .where = ROUTE_KEY, .owner = KIND_ROUTE,
	  .parse = conf_strip_prefix,
	  FIELD(conf_route, strip_prefix) },
	{ ROW("add_prefix"), .where = ROUTE_KEY, .owner = KIND_ROUTE,
	  .parse = conf_add_prefix,
	  FIELD(conf_route, add_prefix) },
	{ ROW("rewrite"), .where = ROUTE_KEY, .owner = KIND_ROUTE,
	  .parse = conf_rewrites,
	  FLAGS(DIRECTIVE_LIST | DIRECTIVE_VERBATIM), LIST(conf_route, rewrites, nrewrites) },
	{ ROW("rewrite_location"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_bool, .def = "on",
	  FIELD(conf_policy, rewrite_location) },
	{ ROW("mirror"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_mirror_or_off, .def = "off",
	  FIELD(conf_policy, mirror), .ref = KIND_BACKEND },
	{ ROW("max_body"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_bytes, .def = "16m",
	  LIMIT(0, 1024 * TERA), FIELD(conf_policy, max_body) },
	{ ROW("body_timeout"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_duration, .def = "30s",
	  TIMEOUT(1), FIELD(conf_policy, body_timeout_ms) },
	{ ROW("body_min_rate"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_rate, .def = "256/s",
	  LIMIT(1, 1024 * MEGA), FIELD(conf_policy, body_min_rate) },
	{ ROW("send_timeout"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_duration, .def = "60s",
	  TIMEOUT(1), FIELD(conf_policy, send_timeout_ms) },
	{ ROW("connect_timeout"), .where = ROUTE_BACKEND_KEY, .owner = OWNER_POLICY,
	  .parse = conf_duration, .def = "3s",
	  TIMEOUT(1), FIELD(conf_policy, connect_timeout_ms) },
	{ ROW("first_byte_timeout"), .where = ROUTE_BACKEND_KEY, .owner = OWNER_POLICY,
	  .parse = conf_duration, .def = "60s",
	  TIMEOUT(1), FIELD(conf_policy, first_byte_timeout_ms) },
	{ ROW("read_timeout"), .where = ROUTE_BACKEND_KEY, .owner = OWNER_POLICY,
	  .parse = conf_duration, .def = "60s",
	  TIMEOUT(1), FIELD(conf_policy, read_timeout_ms) },
	{ ROW("write_timeout"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_duration, .def = "60s",
	  TIMEOUT(1), FIELD(conf_policy, write_timeout_ms) },
	{ ROW("retries"), .where = ROUTE_BACKEND_KEY, .owner = OWNER_POLICY,
	  .parse = conf_unsigned, .def = "1",
	  RANGE(0, 100), FIELD(conf_policy, retries) },
	{ ROW("request_buffering"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_bool, .def = "off",
	  FIELD(conf_policy, request_buffering) },
	{ ROW("response_buffering"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_bool, .def = "off",
	  FIELD(conf_policy, response_buffering) },
	{ ROW("websocket"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_bool, .def = "on",
	  FIELD(conf_policy, websocket) },
	{ ROW("tunnel_timeout"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_duration, .def = "1h",
	  TIMEOUT(1), FIELD(conf_policy, tunnel_timeout_ms) },
	{ ROW("forwarded_headers"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_choice, .def = "x-forwarded",
	  FIELD(conf_policy, forwarded_headers), .choices = forwarded },
	{ ROW("hide_server"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_bool, .def = "on",
	  FIELD(conf_policy, hide_server) },
	{ ROW("via"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_bool, .def = "off",
	  FIELD(conf_policy, via) },
	{ ROW("headers"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_references,
	  FLAGS(DIRECTIVE_LIST | DIRECTIVE_APPEND), LIST(conf_policy, headers, nheaders),
	  .ref = KIND_HEADERS },
	{ ROW("cors"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_origins,
	  FLAGS(DIRECTIVE_LIST), LIST_IN(conf_policy, cors) },
	{ ROW("maintenance"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_maintenance_page, .def = "off",
	  SPAN(conf_policy, maintenance, maintenance_page) },
	{ ROW("error_page"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_error_pages,
	  FLAGS(DIRECTIVE_LIST), LIST(conf_policy, error_pages, nerror_pages) },
	{ ROW("access_log"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_reference_or_off, .def = "off",
	  FIELD(conf_policy, access_log), .ref = KIND_LOG },
	{ ROW("compress"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_compress, .def = "off",
	  SPAN(conf_policy, compress, compress_order) },
	{ ROW("compress_types"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_media_types, .def = COMPRESS_TYPES,
	  FLAGS(DIRECTIVE_LIST), LIST_IN(conf_policy, compress_types) },
	{ ROW("compress_min"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_bytes, .def = "1k",
	  RANGE(0, TERA), FIELD(conf_policy, compress_min) },
	{ ROW("index"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_file_names, .def = "index.html",
	  FLAGS(DIRECTIVE_LIST), LIST_IN(conf_policy, index) },
	{ ROW("autoindex"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_bool, .def = "off",
	  FIELD(conf_policy, autoindex) },
	{ ROW("try_files"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_try_files,
	  FLAGS(DIRECTIVE_LIST | DIRECTIVE_TEMPLATE), LIST_IN(conf_policy, try_files) },
	{ ROW("precompressed"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_codings, .def = "off",
	  FIELD(conf_policy, precompressed) },
	{ ROW("expires"), .where = ROUTE_KEY, .owner = OWNER_POLICY,
	  .parse = conf_expires, .def = "off",
	  TIMEOUT(0), FIELD(conf_policy, expires_ms) },

	{ ROW("server"), .where = IN(BACKEND), .owner = KIND_BACKEND,
	  .parse = conf_server_line,
	  FLAGS(DIRECTIVE_LIST), LIST(conf_backend, servers, nservers) },
	{ ROW("balance"), .where = BACKEND_KEY, .owner = KIND_BACKEND,
	  .parse = conf_choice, .def = "round_robin",
	  FIELD(conf_backend, balance), .choices = balances },
	{ ROW("check"), .where = BACKEND_KEY, .owner = KIND_BACKEND,
	  .parse = conf_only,
	  FLAGS(DIRECTIVE_NOTED), .choices = no_check },
	{ ROW("keepalive"), .where = BACKEND_KEY, .owner = KIND_BACKEND,
	  .parse = conf_count, .def = "64",
	  RANGE(0, 65536), FIELD(conf_backend, keepalive) },
	{ ROW("keepalive_timeout"), .where = BACKEND_KEY, .owner = KIND_BACKEND,
	  .parse = conf_duration, .def = "30s",
	  TIMEOUT(0), FIELD(conf_backend, keepalive_timeout_ms) },
	{ ROW("keepalive_requests"), .where = BACKEND_KEY, .owner = KIND_BACKEND,
	  .parse = conf_count, .def = "1000",
	  LIMIT(1, INT64_MAX), FIELD(conf_backend, keepalive_requests) },
	{ ROW("host_header"), .where = BACKEND_KEY, .owner = KIND_BACKEND,
	  .parse = conf_host_header, .def = "preserve",
	  SPAN(conf_backend, host_header, host_header_name) },
	{ ROW("proxy_protocol"), .where = IN(BACKEND), .owner = KIND_BACKEND,
	  .parse = conf_choice, .def = "off",
	  FIELD(conf_backend, proxy_protocol), .choices = proxy_protocols },
	{ ROW("tls_verify"), .where = BACKEND_KEY, .owner = KIND_BACKEND,
	  .parse = conf_bool, .def = "on",
	  FIELD(conf_backend, tls_verify) },
	{ ROW("tls_ca"), .where = BACKEND_KEY, .owner = KIND_BACKEND,
	  .parse = conf_ca_or_system, .def = "system",
	  FIELD(conf_backend, tls_ca) },
	{ ROW("tls_name"), .where = IN(BACKEND), .owner = KIND_BACKEND,
	  .parse = conf_tls_name,
	  FIELD(conf_backend, tls_name) },
	{ ROW("tls_certificate"), .where = BACKEND_KEY, .owner = KIND_BACKEND,
	  .parse = conf_certificate,
	  FIELD(conf_backend, tls_certificate) },

	{ ROW("preset"), .where = IN(HEADERS), .owner = KIND_HEADERS,
	  .parse = conf_choices,
	  FLAGS(DIRECTIVE_LIST), LIST(conf_headers, presets, npresets), .choices = presets },
	{ ROW("request_set"), .where = IN(HEADERS), .owner = KIND_HEADERS,
	  .parse = conf_header_set,
	  FLAGS(DIRECTIVE_LIST | DIRECTIVE_TEMPLATE),
	  LIST(conf_headers, request.set, request.nset) },
	{ ROW("request_add"), .where = IN(HEADERS), .owner = KIND_HEADERS,
	  .parse = conf_header_set,
	  FLAGS(DIRECTIVE_LIST | DIRECTIVE_TEMPLATE),
	  LIST(conf_headers, request.add, request.nadd) },
	{ ROW("request_remove"), .where = IN(HEADERS), .owner = KIND_HEADERS,
	  .parse = conf_header_remove,
	  FLAGS(DIRECTIVE_LIST),
	  LIST(conf_headers, request.remove, request.nremove) },
	{ ROW("response_set"), .where = IN(HEADERS), .owner = KIND_HEADERS,
	  .parse = conf_header_set,
	  FLAGS(DIRECTIVE_LIST | DIRECTIVE_TEMPLATE),
	  LIST(conf_headers, response.set, response.nset) },
	{ ROW("response_add"), .where = IN(HEADERS), .owner = KIND_HEADERS,
	  .parse = conf_header_set,
	  FLAGS(DIRECTIVE_LIST | DIRECTIVE_TEMPLATE),
	  LIST(conf_headers, response.add, response.nadd) },
	{ ROW("response_remove"), .where = IN(HEADERS), .owner = KIND_HEADERS,
	  .parse = conf_header_remove,
	  FLAGS(DIRECTIVE_LIST),
	  LIST(conf_headers, response.remove, response.nremove) },

	{ ROW("endpoint"), .where = IN(BUCKET), .owner = KIND_BUCKET,
	  .parse = conf_endpoint,
	  SPAN(conf_bucket, endpoint, endpoint_host) },
	{ ROW("region"), .where = IN(BUCKET), .owner = KIND_BUCKET,
	  .parse = conf_region, .def = "us-east-1",
	  FIELD(conf_bucket, region) },
	{ ROW("name"), .where = IN(BUCKET), .owner = KIND_BUCKET,
	  .parse = conf_bucket_name,
	  FIELD(conf_bucket, bucket) },
	{ ROW("access_key"), .where = IN(BUCKET), .owner = KIND_BUCKET,
	  .parse = conf_access_key,
	  FIELD(conf_bucket, access_key) },
	{ ROW("secret_key"), .where = IN(BUCKET), .owner = KIND_BUCKET,
	  .parse = conf_text,
	  FIELD(conf_bucket, secret_key) },
	{ ROW("style"), .where = IN(BUCKET), .owner = KIND_BUCKET,
	  .parse = conf_choice, .def = "path",
	  FIELD(conf_bucket, virtual_style), .choices = bucket_styles },
	{ ROW("write"), .where = IN(BUCKET), .owner = KIND_BUCKET,
	  .parse = conf_bool, .def = "off",
	  FIELD(conf_bucket, write) },
	{ ROW("index"), .where = IN(BUCKET), .owner = KIND_BUCKET,
	  .parse = conf_object_key,
	  FIELD(conf_bucket, index_object) },
	{ ROW("error_document"), .where = IN(BUCKET), .owner = KIND_BUCKET,
	  .parse = conf_object_key,
	  FIELD(conf_bucket, error_document) },

	{ ROW("path"), .where = IN(LOG), .owner = KIND_LOG,
	  .parse = conf_log_path,
	  SPAN(conf_log, target, syslog_addr) },
	{ ROW("format"), .where = IN(LOG), .owner = KIND_LOG,
	  .parse = conf_log_format, .def = "combined",
	  FLAGS(DIRECTIVE_TEMPLATE), SPAN(conf_log, format, template_text) },
	{ ROW("buffer"), .where = IN(LOG), .owner = KIND_LOG,
	  .parse = conf_bytes, .def = "64k",
	  LIMIT(0, 16 * MEGA), FIELD(conf_log, buffer) },
	{ ROW("flush"), .where = IN(LOG), .owner = KIND_LOG,
	  .parse = conf_duration, .def = "1s",
	  LIMIT(10, DAY), FIELD(conf_log, flush_ms) },
	{ ROW("when"), .where = IN(LOG), .owner = KIND_LOG,
	  .parse = conf_text,
	  FLAGS(DIRECTIVE_TEMPLATE), FIELD(conf_log, when) },

	{ ROW("listen"), .where = IN(ADMIN), .owner = KIND_ADMIN,
	  .parse = conf_binds,
	  FLAGS(DIRECTIVE_LIST), LIST(conf_admin, binds, nbinds) },
	{ ROW("allow"), .where = IN(ADMIN), .owner = KIND_ADMIN,
	  .parse = conf_ranges, .def = "127.0.0.0/8 ::1 unix",
	  FLAGS(DIRECTIVE_LIST), LIST_IN(conf_admin, allow) },
};

const unsigned conf_ndirectives = ARRAY_LEN(conf_directives);

const size_t conf_struct_sizes[OWNER_COUNT] = {
	[KIND_GLOBAL] = sizeof(struct conf_global),
	[KIND_LISTEN] = sizeof(struct conf_listen),
	[KIND_HOST] = sizeof(struct conf_host),
	[KIND_ROUTE] = sizeof(struct conf_route),
	[KIND_BACKEND] = sizeof(struct conf_backend),
	[KIND_HEADERS] = sizeof(struct conf_headers),
	[KIND_BUCKET] = sizeof(struct conf_bucket),
	[KIND_LOG] = sizeof(struct conf_log),
	[KIND_ADMIN] = sizeof(struct conf_admin),
	[OWNER_POLICY] = sizeof(struct conf_policy),
};

bool
conf_directive_inherits(const struct conf_directive *row)
{
	return (row->where & IN(DEFAULTS)) != 0;
}
