/*
 * balance.h - the algorithms that choose a server: one table, a file each.
 *
 *	round_robin		balance_round_robin.c
 *	least_conn, least_time	balance_least.c
 *	random			balance_random.c
 *	hash, ip_hash		balance_hash.c
 *
 * An algorithm looks at candidates in the order that it likes best, and takes a place in the first
 * that has one.  It makes no system call and takes no lock.
 */
#ifndef USHERD_PROXY_BALANCE_H
#define USHERD_PROXY_BALANCE_H

#include "conf/snapshot.h"
#include "proxy/balance/balance_ring.h"
#include "proxy/balance/balance_sequence.h"
#include "shm/servers.h"

struct server;

enum {
	BALANCE_WEIGHT_UNIT = 10,	/* of the weights below: slow start needs parts of 1 */
	BALANCE_NONE = UINT16_MAX,
};

/* A server that can be used now. */
struct candidate {
	struct shm_server *shared;
	struct server *server;
	uint64_t id;
	uint32_t serial;		/* of the slot */
	uint32_t max_conns;		/* 0: no limit */
	uint32_t weight;		/* in BALANCE_WEIGHT_UNIT: at least 1 */
	double share;			/* 1 / weight */
};

/* Those among whom a choice is made, with what the algorithms need to know of them. */
struct tier {
	struct candidate *v;
	uint32_t n;
	uint64_t weight;		/* the sum */
	struct balance_sequence sequence;
	const struct balance_ring *ring;	/* of all members; NULL: not needed */
	uint16_t *of_member;		/* their indexes in v, or BALANCE_NONE */
};

/* One choice. */
struct turn {
	_Atomic uint64_t *cursor;	/* that all workers walk */
	struct shm_group *group;
	uint64_t hash;
	const uint64_t *tried;		/* ids of servers that are to be left out */
	unsigned ntried;
	int worker;
};

struct balance {
	/* Takes a place in a candidate of the tier, which is not empty; NULL if none has one. */
	struct candidate *(*choose)(const struct tier *tier, const struct turn *turn);
	bool uses_ring;
	bool uses_group;		/* requests have to be counted in shm_group.in_flight */
};

/* By enum conf_balance. */
extern const struct balance balances[];

struct candidate *balance_round_robin(const struct tier *tier, const struct turn *turn);
struct candidate *balance_least_conn(const struct tier *tier, const struct turn *turn);
struct candidate *balance_least_time(const struct tier *tier, const struct turn *turn);
struct candidate *balance_random(const struct tier *tier, const struct turn *turn);
struct candidate *balance_hash(const struct tier *tier, const struct turn *turn);
struct candidate *balance_ip_hash(const struct tier *tier, const struct turn *turn);

/* ---- for the algorithms */

/* Whether a candidate has a place and has not been tried; it may have none left a moment later. */
bool balance_may_take(const struct candidate *c, const struct turn *turn);

/* Takes a place if it may. */
bool balance_take(const struct candidate *c, const struct turn *turn);

/* Takes a place in whoever has one, beginning at index `from`: when nothing better was found. */
struct candidate *balance_take_any(const struct tier *tier, const struct turn *turn, uint32_t from);

#endif
