/*
 * servers.h - what all processes must agree on about servers, and who belongs to which backend.
 *
 *	members of a backend ──► slot numbers ──► server slots
 *	(versioned list)                          (address, state, requests in flight)
 *
 * A slot is found by its full text (backend, scheme, host, address, port), so its state survives
 * reloads.  A list belongs to a generation: its entries point into that configuration, and a reload
 * that is rolled back must not have touched the lists in use.  The master makes slots and lists;
 * workers take and give places and read lists.
 */
#ifndef USHERD_SHM_SERVERS_H
#define USHERD_SHM_SERVERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/map.h"
#include "base/str.h"
#include "shm/core.h"
#include "shm/segment.h"

enum {
	SHM_SERVER_KEY = 320,		/* longest text of a slot, with its NUL */
	SHM_SERVERS = 16384,		/* slots at most */
	SHM_MEMBERS = 1024,		/* servers of a backend at most */
	SHM_BACKENDS = 32768,		/* lists of all living generations */
	SHM_BACKEND_NAME = 40,
};

/* Why a server gets no requests; 0: it gets them. */
enum shm_server_down { SERVER_UP, SERVER_DOWN_CONFIG, SERVER_DOWN_DNS };

struct shm_server {
	char key[SHM_SERVER_KEY];	/* empty: free slot */
	struct addr addr;		/* len 0: not resolved */
	_Atomic uint32_t down;		/* enum shm_server_down */
	_Atomic uint32_t in_flight;	/* requests of all workers */
	_Atomic uint32_t held[SHM_WORKERS];	/* shares of in_flight, to repair a death */
	_Atomic uint32_t connections[SHM_WORKERS];	/* of each worker, idle ones too */
};

/* One server in the list of a backend. */
struct shm_member {
	uint32_t slot;
	uint16_t weight;
	uint16_t backup;		/* only when no other can be used */
	uint32_t max_conns;		/* requests in flight at most; 0: no limit */
	uint32_t metric;		/* row in metrics */
	uint32_t line;			/* index into the backend's servers in the configuration */
};

struct shm_members {
	char backend[SHM_BACKEND_NAME];	/* empty: free */
	_Atomic uint64_t version;	/* odd while the master writes; 0: never written */
	_Atomic uint64_t cursor;	/* of round_robin, moved by all workers */
	uint32_t generation;		/* that the list belongs to */
	uint32_t n;
	struct shm_member list[SHM_MEMBERS];
};

struct shm_servers {
	struct segment slots_segment;
	struct segment members_segment;
	struct shm_server *slots;
	struct shm_members *members;	/* an array, one per backend and generation */
	_Atomic uint32_t *nslots;	/* entries that exist, free ones among them */
	_Atomic uint32_t *nmembers;

	/* The master's own. */
	struct map index;		/* key to slot */
	uint32_t free_slot;		/* none is free below this one */
	uint32_t free_members;
	uint64_t *last_look;		/* of shm_servers_correct(), by slot */
};

/* 0, or -1 with errno. */
int shm_servers_new(struct shm_servers *s);
void shm_servers_close(struct shm_servers *s);

/* The slot with this key, made if there is none; -1 when all are taken or memory ran out. */
int shm_server_slot(struct shm_servers *s, struct str key);

/* The index of a new, empty list for `backend` of `generation`; -1 as above.  Master. */
int shm_members_index(struct shm_servers *s, struct str backend, uint32_t generation);

/* Publishes a list of n <= SHM_MEMBERS servers.  Master. */
void shm_members_set(struct shm_members *m, const struct shm_member *list, uint32_t n);

/*
 * Copies the list if its version differs from `*version`; `out` has room for SHM_MEMBERS entries.
 * Returns the number of servers and sets `*version`; -1 when nothing changed or the writer is in
 * the middle (bounded tries; the caller keeps what it has).
 */
int shm_members_read(const struct shm_members *m, uint64_t *version, struct shm_member *out);

/*
 * Takes a place for one request: false when `max_conns` (not 0) are in flight.  The place belongs
 * to worker `slot` until it gives it back; after a death shm_servers_repair() does.
 */
bool shm_server_take(struct shm_server *server, int worker, uint32_t max_conns);
void shm_server_give(struct shm_server *server, int worker);

/* The connections of all workers. */
uint32_t shm_server_connections(const struct shm_server *server);

/* Gives back all that a dead worker held, in all slots.  Master. */
void shm_servers_repair(struct shm_servers *s, int worker);

/*
 * Sets right what a worker left wrong that died between two steps of taking or giving: a total that
 * differs from the sum of its shares in the same way at two calls in a row.  Master, once a second.
 */
void shm_servers_correct(struct shm_servers *s);

/*
 * Frees the lists of a generation that has ended, and the slots of servers that no list of any
 * generation names any more.  Master.
 */
void shm_servers_forget(struct shm_servers *s, uint32_t generation);

#endif
