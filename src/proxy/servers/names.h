/*
 * names.h - the addresses behind the names of servers, followed without blocking; the master's.
 *
 *	snapshots ─► names_use() ─► resolver (c-ares) ─► addresses ─► changed()
 *
 * A configuration that does not serve yet, and may never, has its own name servers asked for those
 * names only that no other one has.
 */
#ifndef USHERD_PROXY_SERVERS_NAMES_H
#define USHERD_PROXY_SERVERS_NAMES_H

#include "base/addr.h"
#include "conf/snapshot.h"
#include "net/loop.h"

struct names;

enum { NAMES_ADDRESSES = 256 };	/* of one name at most; what is more is logged once */

/* One address behind a server line. */
struct name_target {
	struct addr addr;		/* with the port */
	struct str host;		/* the name, or the target of an SRV record */
	uint16_t weight;		/* of SRV records, from 1 to 256; else 0 */
	bool backup;			/* SRV: not of the best priority; and see names_find() */
};

/* A server that was added at run time. */
struct names_added {
	const struct conf_server *server;
	msec resolve_ms;		/* of its backend */
};

/*
 * `changed` is called, from the loop, soon after any name has got other addresses than before.
 * NULL after an error line.
 */
struct names *names_new(struct loop *loop, void (*changed)(void *arg), void *arg);
void names_free(struct names *n);

/* Some configurations, the newest last, and servers added to their backends at run time. */
struct names_used {
	const struct conf_snapshot **confs;
	unsigned nconfs;
	struct names_added *added;
	unsigned nadded;
};

/*
 * Follows the names of servers: of the configurations that serve, or finish what they do, and of
 * those that are still `coming`.  Names that nobody uses any more are dropped, what is known stays.
 * The newest that serves says which name servers are asked; the newest that is coming does so for
 * names that nobody else has.  If none serves, what is coming counts as if it did.
 */
void names_use(struct names *n, const struct names_used *serving, const struct names_used *coming);

/*
 * Calls `settled` from the loop when every name that is followed has got its first answer, good or
 * bad, or after `patience_ms`.  One at a time: another call takes its place.
 */
void names_wait(struct names *n, msec patience_ms, void (*settled)(void *arg), void *arg);

/*
 * The addresses behind a server line, best priority first, which live until the next call; *nv is 0
 * when the name does not resolve.  False while no answer has come at all.  Literal addresses and
 * unix sockets are answered too.  What resolved once stays over timeouts and server failures; only
 * a definite answer (no such name, no data) empties it.
 *
 * A name like `localhost`, all of whose addresses are loopback ones of both families, stands for
 * one server that may listen at one of them only: those of IPv6 are backups then.
 */
bool names_find(struct names *n, const struct conf_server *server,
    const struct name_target **v, unsigned *nv);

#endif
