/*
 * types.h - the types of values: each reads text into its place, or reports what is wrong.
 */
#ifndef USHERD_CONF_TYPES_H
#define USHERD_CONF_TYPES_H

#include "conf/settings.h"
#include "conf/snapshot.h"

#define CONF_SLOW_START_MAX	(INT64_C(24) * 3600 * 1000)

/* Numbers; ranges are row->min and row->max, `off` is CONF_OFF: types_number.c. */
conf_parse_fn conf_duration;		/* msec: `30s` */
conf_parse_fn conf_bytes;		/* int64_t: `16m` */
conf_parse_fn conf_count;		/* int64_t */
conf_parse_fn conf_unsigned;		/* unsigned */
conf_parse_fn conf_int;			/* int */
conf_parse_fn conf_rate;		/* int64_t a second: `256/s`, sizes too: `1k/s` */
conf_parse_fn conf_bool;		/* bool */
conf_parse_fn conf_choice;		/* an enum or a bool: position in row->choices */
conf_parse_fn conf_choices;		/* list of int: positions in row->choices */
conf_parse_fn conf_bits;		/* unsigned: 1 << position in row->choices, or-ed */
conf_parse_fn conf_percent;		/* int64_t: `20%` */
conf_parse_fn conf_unsigned_percent;	/* unsigned */
conf_parse_fn conf_workers;		/* unsigned: a number, or `auto` */

/* Text: types_text.c. */
conf_parse_fn conf_text;		/* struct str: the value as it stands */
conf_parse_fn conf_single;		/* struct str: one word */
conf_parse_fn conf_user;		/* struct str: the name of a user that exists */
conf_parse_fn conf_group;		/* struct str: likewise */
conf_parse_fn conf_absolute_path;	/* struct str */
conf_parse_fn conf_path_or_off;		/* struct str: absent when off */
conf_parse_fn conf_only;		/* nothing: the value must be row->choices[0] */
conf_parse_fn conf_include_names;	/* nothing: include.c has read them */
conf_parse_fn conf_reference;		/* pointer to the structure of kind row->ref */
conf_parse_fn conf_reference_or_off;
conf_parse_fn conf_references;		/* list of such pointers */

/* Addresses: types_address.c. */
conf_parse_fn conf_binds;		/* list of struct conf_bind */
conf_parse_fn conf_ranges;		/* list of struct cidr */
conf_parse_fn conf_name_servers;	/* list of struct addr */
conf_parse_fn conf_socket_path;		/* struct conf_bind: of a unix socket */

/* Servers: types_server.c. */
conf_parse_fn conf_server_line;		/* list of struct conf_server */

/* How backends choose and look after servers: types_balance.c. */
conf_parse_fn conf_balance;		/* balance, hash_key */
conf_parse_fn conf_sticky;		/* struct conf_sticky */
conf_parse_fn conf_sticky_secret;	/* struct str */
conf_parse_fn conf_check;		/* struct conf_check */
conf_parse_fn conf_eject;		/* struct conf_eject */
conf_parse_fn conf_queue;		/* struct conf_queue */

/* Hosts and conditions: types_match.c. */
conf_parse_fn conf_host_names;		/* list of struct str */
conf_parse_fn conf_methods;		/* list of struct str */
conf_parse_fn conf_paths;		/* list of struct conf_path */
conf_parse_fn conf_patterns;		/* list of struct str: a pattern a line */
conf_parse_fn conf_header_match;	/* list of struct conf_match: one a line */
conf_parse_fn conf_pair_matches;	/* list of struct conf_match: `name` or `name=value` */

/* What routes do: types_route.c. */
conf_parse_fn conf_redirect;		/* redirect_status, redirect_url */
conf_parse_fn conf_respond;		/* respond_status, respond_type, respond_text */
conf_parse_fn conf_strip_prefix;	/* struct str: a comparable path without its last slash */
conf_parse_fn conf_add_prefix;		/* struct str: a path as it is sent, likewise */
conf_parse_fn conf_splits;		/* splits, nsplits, split_key */
conf_parse_fn conf_rewrites;		/* list of struct conf_rewrite: one a line */
conf_parse_fn conf_mirror_or_off;	/* struct conf_mirror */

/* What is sent: types_answer.c. */
conf_parse_fn conf_error_pages;		/* list of struct conf_error_page pointers */
conf_parse_fn conf_maintenance_page;	/* maintenance, maintenance_page */
conf_parse_fn conf_codings;		/* unsigned char[CONF_CODINGS]: enum conf_coding; `off` */
conf_parse_fn conf_media_types;		/* list of struct str, in lower case */

/* Header fields: types_headers.c. */
conf_parse_fn conf_header_set;		/* list of struct conf_header_set: one a line */
conf_parse_fn conf_header_remove;	/* list of struct conf_header_remove */
conf_parse_fn conf_origins;		/* list of struct str: `https://HOST[:PORT]`, or `*` */

/* Files and object storage: types_files.c. */
conf_parse_fn conf_directory;		/* struct str: of one that is there */
conf_parse_fn conf_file_names;		/* list of struct str */
conf_parse_fn conf_try_files;		/* list of struct conf_try */
conf_parse_fn conf_expires;		/* msec: CONF_OFF, a duration, or -1 for `no-cache` */
conf_parse_fn conf_endpoint;		/* endpoint, endpoint_host */
conf_parse_fn conf_session_token;	/* struct str */
conf_parse_fn conf_bucket_name;		/* struct str */
conf_parse_fn conf_region;		/* struct str; likewise the next */
conf_parse_fn conf_access_key;
conf_parse_fn conf_object_key;		/* struct str: without a slash at its beginning */

/* TLS: types_tls.c. */
conf_parse_fn conf_certificate;		/* pointer to struct conf_certificate */
conf_parse_fn conf_certificates;	/* list of such pointers: a pair a line */
conf_parse_fn conf_pem_file;		/* struct conf_pem: its path and content */
conf_parse_fn conf_ca_or_system;	/* likewise; absent for `system` */
conf_parse_fn conf_names;		/* struct str: words, joined by colons */
conf_parse_fn conf_tls_name;		/* struct str: a host's name in lower case, or an address */
conf_parse_fn conf_ticket_secret;	/* struct str */

/* Choices with an open end: types_log.c. */
conf_parse_fn conf_error_log;		/* error_log, error_log_path */
conf_parse_fn conf_log_path;		/* target, path, syslog_addr */
conf_parse_fn conf_log_format;		/* format, template_text */
conf_parse_fn conf_log_member;		/* list of struct conf_member: one a line */
conf_parse_fn conf_redact;		/* list of struct str, in lower case, with - for _; `off` */
conf_parse_fn conf_client_ip_from;	/* client_ip_from, client_ip_header */
conf_parse_fn conf_host_header;		/* host_header, host_header_name */

/* Tools for these files. */

/* Splits `text` into words that live in the scratch arena; false after an error. */
bool conf_split(struct conf_parse *c, struct str text, struct conf_strs *words);

/* Splits, and calls `take` for each word; false if one of them was wrong. */
bool conf_each_word(struct conf_parse *c, struct str text,
    bool (*take)(struct conf_parse *c, struct str word));

/* The structure of the section that a word names, which is marked as used; NULL after an error. */
void *conf_refer(struct conf_parse *c, enum conf_kind kind, struct str name);

/* Reads one [http[s]://]HOST[:PORT] or unix:PATH of a server; false after an error. */
bool conf_server_address(struct conf_parse *c, struct conf_server *s, struct str text);

/* What messages may show of a value: the text as written, where the value is a secret. */
struct str conf_shown(const struct conf_parse *c, struct str text);

/* The lower-case copy, in the arena. */
struct str conf_lower(struct conf_parse *c, struct str text);

/* A status of three digits between `min` and `max`; false without a message. */
bool conf_status(struct str word, int min, int max, int *status);

/* `on` and `off` in all their spellings; false without a message. */
bool conf_is_bool(struct str text, bool *value);

/* True for an address, or a name of letters, digits, dots, dashes and underscores. */
bool conf_is_host(struct str host);

/* True for what RFC 9110, 5.6.2 calls a token. */
bool conf_is_token(struct str s);

#endif
