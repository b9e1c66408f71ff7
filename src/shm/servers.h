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
#include "shm/group.h"
#include "shm/segment.h"

enum {
	SHM_SERVER_KEY = 384,		/* longest text of a slot, with its NUL */
	SHM_SERVERS = 65536,		/* slots at most, of all living generations */
	SHM_MEMBERS = 1024,		/* servers of a backend at most */
	SHM_BACKENDS = 32768,		/* lists of all living generations */
	SHM_BACKEND_NAME = SHM_GROUP_NAME,
	SHM_HOST = 256,
};

/* What health checks and name resolution know. */
enum shm_health {
	HEALTH_UNCHECKED,		/* nobody has looked: counts as up */
	HEALTH_UP,
	HEALTH_DOWN,
};

/* What an operator has ordered at run time. */
enum shm_order { ORDER_NONE, ORDER_ENABLE, ORDER_DRAIN, ORDER_DISABLE };

/* What the last look at a server found; shm_finding_names[] has words for logs and pages. */
enum shm_finding {
	FOUND_NOTHING,			/* nobody has looked */
	FOUND_OK,
	FOUND_DNS,			/* its name does not resolve */
	FOUND_CONNECT,			/* refused, unreachable */
	FOUND_TIMEOUT,
	FOUND_CLOSED,			/* closed or reset before the answer was complete */
	FOUND_TLS,
	FOUND_TLS_VERIFY,
	FOUND_BAD_RESPONSE,		/* no HTTP */
	FOUND_STATUS,			/* not one that was expected */
	FOUND_BODY,			/* without the text that was expected */
	FOUND_FAILED,			/* we had no socket or memory */
	FOUND_KINDS,
};

extern const char *const shm_finding_names[FOUND_KINDS];

/* The last look, and how many there were; written by the master. */
struct shm_look {
	_Atomic uint32_t finding;	/* enum shm_finding */
	_Atomic uint32_t status;	/* of the answer; 0: none */
	_Atomic uint32_t latency_us;
	_Atomic uint32_t in_row;	/* alike (good, or bad) up to now */
	_Atomic uint64_t at_wall_ms;
	_Atomic uint64_t good, bad;	/* totals */
	_Atomic uint64_t changed_wall_ms;	/* when health changed last; 0: never */
};

struct shm_server {
	/* What a choice looks at: one cache line. */
	_Alignas(64) _Atomic uint32_t in_flight;	/* requests of all workers */
	_Atomic uint32_t health;	/* enum shm_health; the master's */
	_Atomic uint32_t order;		/* enum shm_order; the master's */
	_Atomic uint32_t latency_us;	/* to the first byte, exponentially weighted; 0: none yet */
	_Atomic uint32_t errors;	/* in a row, as passive checks count them */
	_Atomic int64_t latency_at_ms;	/* of the last sample; monotonic like all below */
	_Atomic int64_t ejected_until_ms;	/* 0: never was */
	_Atomic int64_t up_since_ms;	/* when it came up again, for slow_start; 0: long ago */
	_Atomic uint32_t ejections;	/* in a row */
	_Atomic uint32_t serial;	/* differs for every new use of the slot */

	/* What it is; written before the first list that names it; only the name may change. */
	_Alignas(64) char key[SHM_SERVER_KEY];	/* empty: free slot */
	struct addr addr;		/* len 0: not resolved */
	uint64_t id;			/* hash of the key: the same on every machine; never 0 */
	uint32_t scheme;		/* enum conf_server_scheme */
	uint32_t port;
	uint32_t group;			/* index in groups */
	uint32_t metric;		/* row in metrics */
	char host[SHM_HOST];		/* name that it must prove over TLS, or address */
	char host_field[SHM_HOST + 16];	/* for host_header = server */
	char name[SHM_HOST + 32];	/* as its line in the configuration calls it */
	struct shm_look look;

	_Atomic uint32_t held[SHM_WORKERS];	/* shares of in_flight, to repair a death */
	_Atomic uint32_t connections[SHM_WORKERS];	/* of each worker, idle ones too */
};

enum shm_member_flags {
	MEMBER_BACKUP = 1,		/* only when no other can be used */
	MEMBER_DOWN = 2,		/* says the configuration; ORDER_ENABLE lifts it */
	MEMBER_RUNTIME = 4,		/* added at run time */
	MEMBER_DRAINING = 8,		/* says the configuration; ORDER_ENABLE lifts it */
};

/* One server in the list of a backend. */
struct shm_member {
	uint32_t slot;
	uint32_t serial;		/* of the slot */
	uint16_t weight;		/* effective; at least 1 */
	uint16_t flags;			/* enum shm_member_flags */
	uint32_t max_conns;		/* requests in flight at most; 0: no limit */
	uint32_t slow_start_ms;		/* 0: none */
	uint32_t line;			/* index into the backend's servers in the configuration;
					 * UINT32_MAX with MEMBER_RUNTIME */
};

struct shm_members {
	char backend[SHM_BACKEND_NAME];	/* empty: free */
	_Atomic uint64_t version;	/* odd while the master writes; 0: never written */
	_Atomic uint64_t cursor;	/* of round_robin, moved by all workers */
	uint32_t generation;		/* that the list belongs to */
	uint32_t group;			/* index in groups */
	uint32_t n;
	struct shm_member list[SHM_MEMBERS];
};

struct shm_servers {
	struct segment slots_segment;
	struct segment members_segment;
	struct segment groups_segment;
	struct shm_server *slots;
	struct shm_members *members;	/* an array, one per backend and generation */
	struct shm_group *groups;	/* an array, one per name of a backend */
	_Atomic uint32_t *nslots;	/* entries that exist, free ones among them */
	_Atomic uint32_t *nmembers;
	_Atomic uint32_t *ngroups;

	/* The master's own. */
	struct map index;		/* key to slot */
	struct map group_index;		/* name to group */
	uint32_t free_slot;		/* none is free below this one */
	bool swept;			/* see shm_servers_sweep() */
	uint32_t free_members;
	uint64_t *last_look;		/* of shm_servers_correct(), by slot */
	uint64_t *group_last_look;
};

/* 0, or -1 with errno. */
int shm_servers_new(struct shm_servers *s);
void shm_servers_close(struct shm_servers *s);

/*
 * The slot with this key, made if there is none; -1 when the key is empty or too long, all slots
 * are taken, or memory ran out.  The maker of a new one (`id` and `serial` are set, the rest is
 * zero) fills in what it is.  Master.
 */
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
 * to `worker` until it gives it back; after a death shm_servers_repair() does.  Whoever knows the
 * slot from a list compares the serial after that: the slot may have got another server.
 */
bool shm_server_take(struct shm_server *server, int worker, uint32_t max_conns);
void shm_server_give(struct shm_server *server, int worker);

/* The connections of all workers. */
uint32_t shm_server_connections(const struct shm_server *server);

/* Whether no worker has a request or a connection there. */
bool shm_server_is_idle(const struct shm_server *server);

/*
 * Health and orders are stored with the calls below, which move the epoch of the server's group, so
 * that workers look again.  Master.  True if there was a change.
 */
bool shm_server_set_health(struct shm_servers *s, struct shm_server *server,
    enum shm_health health);
bool shm_server_set_order(struct shm_servers *s, struct shm_server *server, enum shm_order order);

/* Gives back all that a dead worker held, in all slots, and its places in queues.  Master. */
void shm_servers_repair(struct shm_servers *s, int worker);

/*
 * Sets right what a worker left wrong that died between two steps of taking or giving: a total that
 * differs from the sum of its shares in the same way at two calls in a row.  Master, once a second.
 */
void shm_servers_correct(struct shm_servers *s);

/*
 * Frees the slots that no list of any generation names any more, once the last request and the last
 * connection there have ended.  True if any was freed since the last call.  Master, once a second.
 */
bool shm_servers_sweep(struct shm_servers *s);

/* Frees the lists of a generation that has ended, then as above.  Master. */
void shm_servers_forget(struct shm_servers *s, uint32_t generation);

#endif
