/*
 * checks.h - active health checks: the master looks at every server, the workers see the result.
 *
 *	lists of servers ─► checks (who is due) ─► probe (one look) ─► rise, fall ─► shared memory
 *
 * One checker for each server slot, whatever the number of workers and generations.
 */
#ifndef USHERD_PROXY_SERVERS_CHECKS_H
#define USHERD_PROXY_SERVERS_CHECKS_H

#include "proxy/servers/members.h"

struct checks;
struct tls_client;

struct checks *checks_new(struct loop *loop, struct proxy_shm *shm);
void checks_free(struct checks *c);

/*
 * Checks from now on the servers that the lists `m` name, as `conf` says; those that were checked
 * alike go on undisturbed, new ones are looked at at once, and one that nobody checks any more is
 * HEALTH_UNCHECKED again.  All three must live until the next call; NULL: nothing is checked.
 * `tls` is by backend index.
 */
void checks_use(struct checks *c, const struct conf_snapshot *conf, const struct members *m,
    struct tls_client *const *tls);

#endif
