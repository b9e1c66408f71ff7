/*
 * probe.h - one look at one server: does it take a connection, or answer a request as it should?
 *
 *	tcp:   connect ─► (PROXY header) ─► close
 *	http:  connect ─► (PROXY header) ─► (TLS) ─► GET ─► status, at most 64 KiB of body ─► close
 *
 * The answer is read with the code that reads the answers to clients' requests.
 */
#ifndef USHERD_PROXY_SERVERS_PROBE_H
#define USHERD_PROXY_SERVERS_PROBE_H

#include "conf/snapshot.h"
#include "net/loop.h"
#include "shm/servers.h"

struct probe;
struct tls_client;

enum { PROBE_TEXT = 200 };

struct probe_result {
	enum shm_finding finding;
	int status;			/* of the answer; 0: none came */
	uint32_t latency_us;		/* until the finding */
	char text[PROBE_TEXT];		/* the finding in words: "status 500", "connected" */
};

struct probe_target {
	const struct conf_backend *backend;	/* its check says how; CHECK_DEFAULT is tcp */
	const struct shm_server *server;
	struct tls_client *tls;		/* for http checks of https servers; NULL makes them
					 * FOUND_FAILED */
	struct str chroot;		/* of the workers; absent: none */
};

/* Called once, from the loop; the probe is over. */
typedef void probe_done(void *arg, const struct probe_result *result);

/*
 * Begins to look at a server.  Nothing that is passed need live longer than the call, but the check
 * of the backend: see probe_renew().
 */
struct probe *probe_start(struct loop *loop, const struct probe_target *t, probe_done *done,
    void *arg);

/* The same check now stands in another configuration. */
void probe_renew(struct probe *p, const struct conf_backend *b);

/* Ends it early: `done` is not called. */
void probe_cancel(struct probe *p);

#endif
