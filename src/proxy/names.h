/*
 * names.h - the addresses behind the names of servers, followed without blocking; the master's.
 *
 *	snapshots ─► names_use() ─► resolver (c-ares) ─► addresses ─► changed()
 */
#ifndef USHERD_PROXY_NAMES_H
#define USHERD_PROXY_NAMES_H

#include "base/addr.h"
#include "conf/snapshot.h"
#include "net/loop.h"

struct names;

enum { NAMES_ADDRESSES = 256 };		/* of one name at most; what is more is logged once */

/* One address behind a server line. */
struct name_target {
	struct addr addr;		/* with the port */
	struct str host;		/* the name, or the target of an SRV record; lives until the
					 * next change */
	uint16_t weight;		/* of SRV records, at least 1; else 0 */
	bool backup;			/* SRV: not of the best priority */
};

/* `changed` is called, from the loop, when any name has other addresses than before. */
struct names *names_new(struct loop *loop, void (*changed)(void *arg), void *arg);
void names_free(struct names *n);

/*
 * Follows the names of the servers of `n` configurations (all living generations, and one that is
 * about to start) and of the servers `added` at run time; names that nobody uses any more are
 * dropped, what is known stays.
 */
void names_use(struct names *n, const struct conf_snapshot *const *confs, unsigned nconfs,
    const struct conf_server *const *added, unsigned nadded);

/*
 * Calls `settled` from the loop (or at once) when every name that is followed has got its first
 * answer, good or bad, or after `patience_ms`.  One at a time.
 */
void names_wait(struct names *n, msec patience_ms, void (*settled)(void *arg), void *arg);

/*
 * The addresses behind a server line, best priority first; *n is 0 when the name does not resolve.
 * False while no answer has come at all.  Literal addresses and unix sockets are answered too.
 * What resolved once stays over timeouts and server failures; only a definite answer (no such
 * name, no data) empties it.
 */
bool names_find(struct names *n, const struct conf_server *server,
    const struct name_target **v, unsigned *nv);

#endif
