/*
 * verify.h - what only shows when all sections are read: missing, double and unused things.
 */
#ifndef USHERD_CONF_VERIFY_H
#define USHERD_CONF_VERIFY_H

#include "conf/whole.h"

/* Addresses to listen at; those that another of the same listener covers are dropped. */
void conf_verify_binds(struct conf_whole *w);

/* Listeners and the admin pages: that they have addresses, and default_host. */
void conf_verify_listens(struct conf_whole *w);

/* Hosts: names, and on which listeners they collide. */
void conf_verify_hosts(struct conf_whole *w);

/* Routes: conditions that two of them share. */
void conf_verify_routes(struct conf_whole *w);

/* Warnings for routes that no request can reach.  Only for a configuration without errors. */
void conf_verify_shadows(struct conf_whole *w);

/* Paths that name a directory alone, where everything below it may be meant: warnings. */
void conf_verify_paths(struct conf_whole *w);

/* TLS: certificates that are missing, settings that have no effect. */
void conf_verify_tls(struct conf_whole *w);

/* Servers of backends. */
void conf_verify_backends(struct conf_whole *w);

/* Files: settings that have no effect, as no files are sent. */
void conf_verify_files(struct conf_whole *w);

/* Buckets: that they are named and reached, and keys that come in pairs. */
void conf_verify_buckets(struct conf_whole *w);

/* Logs: where they go. */
void conf_verify_logs(struct conf_whole *w);

/* Warnings for what nothing refers to; errors if there is nothing to do at all. */
void conf_verify_uses(struct conf_whole *w);

#endif
