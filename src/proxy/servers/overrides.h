/*
 * overrides.h - changes that an operator made at run time; the master's.
 *
 * They hold over reloads until the line of the server in the configuration reads otherwise, a
 * reset, or a restart.  A server is known by the address part of its line (`10.0.0.1:8080`,
 * `https://app.internal`), as conf_server.text has it; one of several addresses that a name has is
 * known by that address, as addr_text() writes it.  What is ordered for a line is ordered for all
 * of its addresses; what is ordered for one of them after that goes before it.
 */
#ifndef USHERD_PROXY_SERVERS_OVERRIDES_H
#define USHERD_PROXY_SERVERS_OVERRIDES_H

#include "conf/snapshot.h"
#include "shm/servers.h"

struct overrides;

struct override {
	enum shm_order order;		/* ORDER_NONE: as configured */
	uint16_t weight;		/* 0: as configured */
	bool removed;			/* the configured server is left out */
	const struct conf_server *added;	/* the server is not of the configuration */
};

/* A server, or one of its addresses. */
struct override_target {
	struct str backend, server;
	struct str line;		/* absent: the server was added at run time */
	struct str address;		/* absent: all of them */
};

struct overrides *overrides_new(void);
void overrides_free(struct overrides *o);

/*
 * The change for a server, made if there is none; `line` is its line in the configuration now
 * (absent for one that is added).  What was ordered for another line is forgotten.
 */
struct override *overrides_get(struct overrides *o, struct str backend, struct str server,
    struct str line);

/* The same for reading: NULL if there is none that holds for this line. */
const struct override *overrides_find(const struct overrides *o, struct str backend,
    struct str server, struct str line);

/* What an operator orders for a server or an address: the last one counts. */
void overrides_order(struct overrides *o, const struct override_target *t, enum shm_order order);
void overrides_weigh(struct overrides *o, const struct override_target *t, uint16_t weight);
void overrides_remove(struct overrides *o, const struct override_target *t);

/* Adds a server, a copy of which is kept. */
void overrides_add(struct overrides *o, struct str backend, const struct conf_server *server);

/* Calls `each` for the servers added to a backend, in the order of their coming. */
void overrides_each_added(const struct overrides *o, struct str backend,
    void (*each)(void *arg, const struct conf_server *server), void *arg);

/* Calls `each` for the servers of the backend that are left out: for each its name here, and the
 * line that it is of. */
void overrides_each_removed(const struct overrides *o, struct str backend,
    void (*each)(void *arg, struct str server, struct str line), void *arg);

/*
 * A configuration serves now: forgets what was ordered for lines that it does not have, and servers
 * that were added and that it names itself.  Returns how many changes were forgotten.
 */
unsigned overrides_settle(struct overrides *o, const struct conf_snapshot *c);

/* Forgets the changes of one server and its addresses, or of one address (`server` present), of a
 * backend, or all (both absent); true if there were any. */
bool overrides_reset(struct overrides *o, struct str backend, struct str server);

#endif
