/*
 * access_log.h - one line per exchange: combined, JSON or a template.
 *
 * Lines are collected in a buffer and written whole, when it is full or after `flush`; a line that
 * cannot be written (full disk) is counted and dropped, never waited for.
 */
#ifndef USHERD_PROXY_LOG_ACCESS_LOG_H
#define USHERD_PROXY_LOG_ACCESS_LOG_H

#include "conf/snapshot.h"
#include "net/loop.h"

struct access_log;
struct capture_names;
struct exchange;

/* Compiled in the master; `names` may be used besides the variables.  NULL after a conf_error(). */
struct access_log *access_log_new(const struct conf_log *conf, const struct capture_names *names,
    struct conf_errors *errors);
void access_log_free(struct access_log *log);

/* Worker: where lines go (-1: the log's own syslog socket), and the loop for the flush timer. */
void access_log_start(struct access_log *log, struct loop *loop, int fd);

/* Adds the line of an exchange that is over. */
void access_log_add(struct access_log *log, const struct exchange *x);

/* Writes out what is buffered. */
void access_log_flush(struct access_log *log);

/* Flushes to the old descriptor, closes it and goes on with the new one. */
void access_log_reopen(struct access_log *log, int fd);

#endif
