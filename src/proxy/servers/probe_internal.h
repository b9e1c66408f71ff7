/*
 * probe_internal.h - what probe.c and probe_http.c share.
 */
#ifndef USHERD_PROXY_SERVERS_PROBE_INTERNAL_H
#define USHERD_PROXY_SERVERS_PROBE_INTERNAL_H

#include "base/buf.h"
#include "http/h1_back.h"
#include "net/proxy_header.h"
#include "proxy/servers/probe.h"

struct probe {
	struct loop *loop;
	const struct conf_check *check;
	probe_done *done;
	void *arg;
	int64_t start_us;
	struct timer timer;		/* of the whole look */
	struct probe_result result;
	struct garbage garbage;
	bool connected;
	char header[PROXY_HEADER_MAX];	/* of the PROXY protocol */
	size_t header_len;

	struct watcher watcher;		/* tcp */

	/* http */
	struct h1_back_owner owner;
	struct back_stream *stream;	/* NULL: none open */
	struct request request;		/* what the parser has to know of it */
	struct arena arena;
	struct buf body;		/* of the answer; kept only if it matters */
	size_t body_bytes;
};

/* probe.c: what was found, in words too; probe_finish() ends the probe with it. */
void probe_find(struct probe *p, enum shm_finding finding, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void probe_finish(struct probe *p);

/* The same from within probe_start(): `done` has to come from the loop. */
void probe_finish_soon(struct probe *p);

/* There is not even a socket, as errno says: the probe ends soon with that. */
void probe_begin_failed(struct probe *p, const struct addr *addr);

/* probe_http.c */
void probe_start_http(struct probe *p, const struct addr *addr, const struct probe_target *t);

#endif
