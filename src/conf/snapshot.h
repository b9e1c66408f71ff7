/*
 * snapshot.h - one whole configuration as plain data: what a generation of workers lives with.
 *
 * All inheritance is resolved: a route holds its effective values.  Everything lives in one arena
 * and never changes after conf_load().  Times are in milliseconds, CONF_OFF means no limit.
 */
#ifndef USHERD_CONF_SNAPSHOT_H
#define USHERD_CONF_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "conf/error.h"

#define CONF_OFF INT64_MAX	/* `off` of a limit or timeout */

/* Strings are NUL-terminated; absent ones have p == NULL. */
struct conf_strs {
	struct str *v;
	unsigned n;
};

struct conf_cidrs {
	struct cidr *v;
	unsigned n;
};

enum conf_log_target { LOG_TARGET_FILE, LOG_TARGET_STDERR, LOG_TARGET_STDOUT, LOG_TARGET_SYSLOG };

struct conf_global {
	struct conf_origin at;
	struct str user;		/* absent: stay who we are */
	struct str group;		/* absent: the user's */
	unsigned workers;		/* auto resolved: number of usable CPUs */
	struct str pid_file;		/* absent: none */
	enum conf_log_target error_log;
	struct str error_log_path;
	enum log_level log_level;
	unsigned max_connections;	/* per worker */
	bool max_connections_written;	/* somebody asked for so many */
	msec shutdown_timeout_ms;
	msec drain_timeout_ms;
	struct str chroot;		/* absent: none */
	int worker_priority;		/* nice value, 0: unchanged */
	bool worker_cpu_affinity;
	struct addr *name_servers;	/* none: those of the system */
	unsigned nname_servers;
};

struct conf_bind {
	struct addr addr;
	struct str text;		/* as written */
	struct conf_origin at;
};

/* A chain of certificates and its key, where they are named: files for who may read keys. */
struct conf_certificate {
	unsigned index;			/* of the pair of paths, in snapshot.certificates */
	struct str cert_path;
	struct str key_path;
	struct str passphrase;		/* of an encrypted key; absent: none.  For those in
					 * snapshot.certificates */
	struct str title;		/* "[host shop] certificate", for messages */
	struct conf_origin at;
};

/* A file of PEM blocks, read at load. */
struct conf_pem {
	struct str path;		/* absent: not given */
	struct str content;
};

enum conf_client_verify {
	CLIENT_VERIFY_OFF,
	CLIENT_VERIFY_OPTIONAL,
	CLIENT_VERIFY_ON,
	CLIENT_VERIFY_LISTENER,		/* of a host: as the listener says */
};

/* Certificates that clients show. */
struct conf_clients {
	struct conf_pem ca;
	struct conf_pem crl;
	enum conf_client_verify verify;
};

enum conf_tls_min { CONF_TLS_1_2, CONF_TLS_1_3 };

enum conf_client_ip { CLIENT_IP_XFF, CLIENT_IP_FORWARDED, CLIENT_IP_HEADER };

struct conf_listen {
	struct str name;
	struct conf_origin at;
	unsigned index;			/* position in snapshot.listens */
	struct conf_bind *binds;
	unsigned nbinds;
	struct conf_host *default_host;	/* NULL: none */
	int backlog;
	bool proxy_protocol;
	struct conf_cidrs trusted_proxies;
	enum conf_client_ip client_ip_from;
	struct str client_ip_header;	/* with CLIENT_IP_HEADER */
	bool header_names_any;		/* strict drops names with _ and . */
	msec header_timeout_ms;
	msec keepalive_timeout_ms;
	int64_t keepalive_requests;
	int64_t max_header_size;
	int64_t max_header_count;
	int64_t max_uri;
	bool tls;
	struct conf_certificate **certificates;
	unsigned ncertificates;
	msec handshake_timeout_ms;
	enum conf_tls_min tls_min;
	struct str tls_ciphers;		/* absent: as net/tls_server.h says; likewise below */
	struct str tls_ciphersuites;
	struct str tls_curves;
	struct conf_clients clients;
	bool tls_tickets;
	struct str tls_ticket_secret;	/* see snapshot.tls_ticket_secret */
	struct str tls_key_passphrase;
};

/* What a route says of plain HTTP. */
enum conf_redirect_https {
	REDIRECT_HTTPS_HOST,		/* what its host says */
	REDIRECT_HTTPS_OFF,
	REDIRECT_HTTPS_ON,
};

struct conf_host {
	struct str name;
	struct conf_origin at;
	unsigned index;
	struct conf_strs names;		/* lower case; "*.example.com" is a wildcard */
	struct conf_listen **listens;	/* none: all */
	unsigned nlistens;
	struct conf_certificate **certificates;	/* none: the listener's */
	unsigned ncertificates;
	bool redirect_https;
	struct conf_clients clients;
	struct conf_route *fallback;	/* its values, for requests that no route serves: like the
					 * snapshot's */
};

enum conf_preset { PRESET_SECURITY };

/* A field to set or add; the value is a template, an empty one removes. */
struct conf_header_set {
	struct str name;
	struct str value;
	struct conf_origin at;
};

/* A field to remove: `Name`, or the beginning of names: `X-Internal-*`. */
struct conf_header_remove {
	struct str name;		/* without the star */
	bool prefix;
	struct conf_origin at;
};

/* What happens to fields on one way: removed first, then set, then added. */
struct conf_header_changes {
	struct conf_header_remove *remove;
	unsigned nremove;
	struct conf_header_set *set;
	unsigned nset;
	struct conf_header_set *add;
	unsigned nadd;
};

/* Fields that are set or removed on the way; [headers NAME]. */
struct conf_headers {
	struct str name;
	struct conf_origin at;
	unsigned index;
	enum conf_preset *presets;
	unsigned npresets;
	struct conf_header_changes request;
	struct conf_header_changes response;
};

/* A store that speaks the S3 protocol; [bucket NAME]. */
struct conf_bucket {
	struct str name;		/* of the section */
	struct conf_origin at;
	unsigned index;
	struct conf_backend *backend;	/* made from `endpoint`: a server like any other, which the
					 * snapshot's backends list too */
	struct str endpoint;		/* http[s]://HOST[:PORT] */
	struct str endpoint_host;	/* HOST[:PORT], as the Host field of path style has it */
	struct conf_server *server;	/* of the endpoint: the only one of the backend */
	struct str region;
	struct str bucket;		/* the key `name` */
	struct str access_key;		/* absent: requests are not signed */
	struct str secret_key;
	struct str session_token;	/* of a key that is for a while; absent: none */
	bool virtual_style;		/* BUCKET.HOST instead of HOST/BUCKET */
	bool write;			/* PUT and DELETE pass */
	struct str index_object;	/* for paths that end in a slash; absent: none */
	struct str error_document;	/* object that is sent with a 404; absent: none */
};

enum conf_action {
	ACTION_NONE,
	ACTION_BACKEND,
	ACTION_REDIRECT,
	ACTION_RESPOND,
	ACTION_FILES,
	ACTION_BUCKET,
	ACTION_SPLIT,
};

enum conf_forwarded { FORWARDED_X, FORWARDED_RFC7239, FORWARDED_BOTH, FORWARDED_OFF };

struct conf_error_page {
	int status;
	struct str path;		/* as written */
	struct str content;		/* read at load */
	struct str content_type;	/* from the file's ending */
	struct conf_origin at;
};

/* One condition value: `Name`, `Name: value`, `name=value`; a value that ended in * is a prefix. */
struct conf_match {
	struct str name;		/* header names in lower case */
	struct str value;		/* absent: presence is enough */
	bool prefix;
};

/* Codings of compress and precompressed. */
enum conf_coding { CODING_NONE, CODING_GZIP, CODING_BR, CODING_ZSTD };
enum { CONF_CODINGS = 3 };

enum conf_maintenance { MAINTENANCE_OFF, MAINTENANCE_ON, MAINTENANCE_FILE };

/* `rewrite = REGEX REPLACEMENT`; the first one that matches is applied. */
struct conf_rewrite {
	struct str pattern;		/* compiles */
	struct str replacement;		/* template, with $1 to $9 and names of groups */
	struct conf_origin at;
};

/* A word of `try_files = $uri =404`: a path, or as the last one what is done without them. */
struct conf_try {
	struct str path;		/* template; absent: it is one of the next */
	int status;			/* `=404` */
	struct conf_backend *backend;	/* `@NAME` */
};

struct conf_tries {
	struct conf_try *v;
	unsigned n;
};

/* `split = 90:app 10:canary [key=TEMPLATE]`. */
struct conf_split {
	unsigned weight;
	struct conf_backend *backend;
	const struct conf_policy *policy;	/* of requests that go there */
};

/* `mirror = NAME [sample=10%]`. */
struct conf_mirror {
	struct conf_backend *backend;	/* NULL: off */
	unsigned sample_permille;	/* 1000: every request */
	const struct conf_policy *policy;	/* of the copies */
};

enum conf_path_kind { PATH_EXACT, PATH_PREFIX };

struct conf_path {
	struct str text;		/* normalised; a prefix without its slash and star */
	enum conf_path_kind kind;
	struct conf_origin at;
};

/* How requests are treated: transport, limits and fields.  Routes with equal values share one. */
struct conf_policy {
	int64_t max_body;
	msec body_timeout_ms;
	int64_t body_min_rate;		/* bytes a second; CONF_OFF: none */
	msec send_timeout_ms;
	msec half_close_timeout_ms;
	msec connect_timeout_ms;
	msec first_byte_timeout_ms;
	msec read_timeout_ms;
	msec write_timeout_ms;
	unsigned retries;
	bool request_buffering;
	bool response_buffering;
	bool websocket;
	msec tunnel_timeout_ms;
	enum conf_forwarded forwarded_headers;
	bool request_trailers;		/* they pass: see proxy/filter/trailers.h */
	bool hide_server;
	bool response_request_id;
	bool via;
	struct conf_error_page **error_pages;
	unsigned nerror_pages;
	struct conf_headers **headers;	/* sections: those of [defaults] first, then the host's,
					 * then its own */
	unsigned nheaders;
	struct conf_log *access_log;	/* NULL: off */
	bool rewrite_location;
	bool encoded_dots;		/* paths with them pass: see rewrite_uri() */
	struct conf_strs cors;		/* origins, `*` for all; none: off */
	unsigned char compress[CONF_CODINGS];	/* enum conf_coding, best first; NONE ends */
	struct conf_strs compress_types;	/* of media; `text/` and a star: all of a kind */
	int64_t compress_min;		/* bytes */
	enum conf_maintenance maintenance;
	struct conf_error_page maintenance_page;	/* with MAINTENANCE_FILE */
	struct conf_mirror mirror;

	/* Of files. */
	struct conf_strs index;
	bool autoindex;
	struct conf_tries try_files;
	unsigned char precompressed[CONF_CODINGS];	/* enum conf_coding, as above */
	msec expires_ms;		/* CONF_OFF: no field; < 0: no-cache */
};

struct conf_route {
	/* What requests need stands first, on one or two cache lines. */
	const struct conf_policy *policy;	/* a split has one for each of its backends too */
	struct conf_backend *backend;
	struct str strip_prefix;	/* without a trailing slash; absent: none */
	struct str add_prefix;
	struct conf_rewrite *rewrites;
	unsigned nrewrites;
	enum conf_action action;
	unsigned index;
	enum conf_redirect_https redirect_https;
	struct str name;
	struct conf_origin at;
	struct conf_origin action_at;

	/* Conditions; an empty list is no condition. */
	struct conf_host **hosts;	/* none: all hosts */
	unsigned nhosts;
	struct conf_path *paths;
	unsigned npaths;
	struct conf_strs path_regex;	/* patterns that compile */
	struct conf_strs methods;
	struct conf_match *headers;
	unsigned nheaders;
	struct conf_match *queries;
	unsigned nqueries;
	struct conf_match *cookies;
	unsigned ncookies;
	struct conf_cidrs clients;
	unsigned condition_kinds;	/* how many kinds are given */

	/* The values of an action. */
	int redirect_status;
	struct str redirect_url;	/* template */
	int respond_status;
	struct str respond_type;
	struct str respond_text;	/* template */
	struct str files;		/* directory */
	struct conf_backend *files_backend;	/* that try_files ends with; NULL: none */
	struct conf_bucket *bucket;
	struct conf_split *splits;
	unsigned nsplits;
	struct str split_key;		/* template; absent: at random for each request */
};

enum { CONF_WEIGHT_MAX = 256 };

enum conf_server_scheme { SCHEME_HTTP, SCHEME_HTTPS, SCHEME_H2C };

struct conf_server {
	struct conf_origin at;
	struct str line;		/* all of it as written */
	struct str text;		/* the address part of it: scheme, host, port */
	enum conf_server_scheme scheme;
	bool srv;			/* host is the name of SRV records, port is 0 */
	struct str host;		/* name, address without brackets, or unix socket */
	uint16_t port;			/* 0: unix socket */
	struct str host_field;		/* Host of `host_header = server`: host[:port] */
	unsigned weight;
	int64_t max_conns;		/* CONF_OFF: no limit */
	msec slow_start_ms;		/* CONF_OFF: as the backend says */
	bool backup;
	bool down;
	bool drains;			/* weight=0: only for its sticky clients */
};

enum conf_balance {
	BALANCE_ROUND_ROBIN,
	BALANCE_LEAST_CONN,
	BALANCE_IP_HASH,
	BALANCE_HASH,
	BALANCE_RANDOM,
	BALANCE_LEAST_TIME,
};

enum conf_check_kind {
	CHECK_DEFAULT,			/* tcp for backends with two servers or more */
	CHECK_OFF,
	CHECK_TCP,
	CHECK_HTTP,
};

enum { CONF_STATUS_WORDS = 10 };	/* 64 statuses each: 0 to 639 */

struct conf_check {
	enum conf_check_kind kind;
	struct str target;		/* of CHECK_HTTP: path and query; as the next three */
	struct str host;		/* Host field; absent: that of the server */
	uint64_t expect[CONF_STATUS_WORDS];	/* a bit for each status that is good */
	struct str body;		/* text that the body must have; absent: any */
	uint16_t port;			/* 0: the server's */
	msec interval_ms;
	msec timeout_ms;
	unsigned rise;			/* good ones in a row that bring a server up */
	unsigned fall;			/* bad ones in a row that take it down */
};

/* Passive checks. */
struct conf_eject {
	unsigned errors;		/* in a row; 0: off */
	msec time_ms;			/* times the number of ejections in a row */
	unsigned max_pct;		/* of the servers of a backend at once */
};

struct conf_queue {
	unsigned max;			/* requests of all workers; 0: off */
	msec timeout_ms;
	bool given;			/* written in the file: also while all servers are down */
};

struct conf_sticky {
	struct str cookie;		/* absent: off */
	msec ttl_ms;			/* CONF_OFF: as long as the browser runs */
};

/* What is tried again. */
enum conf_retry_on {
	RETRY_CONNECT = 1,
	RETRY_RESET = 2,
	RETRY_TIMEOUT = 4,
	RETRY_502 = 8,
	RETRY_503 = 16,
	RETRY_504 = 32,
};

enum conf_host_header { HOST_PRESERVE, HOST_SERVER, HOST_NAME };
enum conf_proxy_protocol { PROXY_OFF, PROXY_V1, PROXY_V2 };

struct conf_backend {
	struct str name;
	struct conf_origin at;
	unsigned index;
	struct conf_server *servers;
	unsigned nservers;
	enum conf_balance balance;
	struct conf_origin balance_at;	/* with BALANCE_HASH */
	struct str hash_key;		/* with BALANCE_HASH: template */
	struct conf_sticky sticky;
	struct str sticky_secret;	/* absent: one that dies with the master */
	struct conf_check check;
	struct conf_eject eject;
	msec slow_start_ms;		/* CONF_OFF: none */
	struct conf_queue queue;
	bool try_all_down;		/* all_down = try_all */
	unsigned retry_on;		/* enum conf_retry_on, or-ed */
	int64_t retry_budget_pct;	/* of requests; CONF_OFF: no limit */
	msec resolve_ms;		/* a name is looked up again after at most this; CONF_OFF:
					 * when its TTL says */
	int64_t keepalive;		/* idle connections per worker and server */
	msec keepalive_timeout_ms;
	int64_t keepalive_requests;
	enum conf_host_header host_header;
	struct str host_header_name;	/* with HOST_NAME */
	enum conf_proxy_protocol proxy_protocol;
	bool bare_lf;			/* bare_lf = accept */
	bool tls_verify;		/* of https servers; likewise below */
	struct conf_pem tls_ca;		/* absent: the system's store */
	struct str tls_name;		/* absent: the server's host */
	struct conf_certificate *tls_certificate;	/* shown to servers; NULL: none */
};

enum conf_log_format { LOG_FORMAT_COMBINED, LOG_FORMAT_JSON, LOG_FORMAT_TEMPLATE };

struct conf_member {
	struct str name;
	struct str value;		/* template */
	struct conf_origin at;
};

struct conf_log {
	struct str name;
	struct conf_origin at;
	unsigned index;
	enum conf_log_target target;
	struct str path;		/* of a file */
	struct addr syslog_addr;	/* len 0: /dev/log, RFC 3164; else UDP, RFC 5424 */
	enum conf_log_format format;
	struct str template_text;
	struct conf_member *members;	/* more of them, for JSON */
	unsigned nmembers;
	struct conf_strs redact;	/* names whose values are hidden: in lower case, - for _ */
	int64_t buffer;			/* bytes kept back at most; 0 or CONF_OFF: none */
	msec flush_ms;			/* CONF_OFF: only when the buffer is full */
	struct str when;		/* template: log unless "" or "0"; absent: always */
};

struct conf_admin {
	struct conf_origin at;
	bool present;
	struct conf_bind *binds;
	unsigned nbinds;
	struct conf_cidrs allow;	/* default: loopback */
	struct conf_strs names;		/* as those of a host; see proxy/admin/own_name.h */
	struct conf_bind socket;	/* control socket; text absent: none */
};

struct conf_snapshot {
	struct conf_global global;
	struct conf_listen **listens;
	unsigned nlistens;
	struct conf_host **hosts;
	unsigned nhosts;
	struct conf_route **routes;	/* in file order, hosts' own actions included */
	unsigned nroutes;
	struct conf_route *fallback;	/* the values of [defaults], for requests that no route
					 * serves: not among routes, ACTION_NONE */
	struct conf_backend **backends;
	unsigned nbackends;
	struct conf_log **logs;
	unsigned nlogs;
	struct conf_admin admin;
	struct conf_headers **headers;
	unsigned nheaders;
	struct conf_bucket **buckets;
	unsigned nbuckets;
	struct conf_certificate **certificates;	/* the first that names each pair: the numbers
						 * of the certificate store */
	unsigned ncertificates;
	struct str tls_ticket_secret;	/* one for all listeners; absent: random keys */
	/* the arena and the table of values that conf_dump() prints follow, private to conf/ */
};

#endif
