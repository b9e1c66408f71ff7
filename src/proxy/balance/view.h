/*
 * view.h - the servers of a backend as a worker sees them, and who of them can be used now.
 *
 *	shm list ──► members ─┬─► main: primaries that are up; if there is none, backups; if there
 *	                      │   is none, with try_all, those that were taken out
 *	                      └─► spare: backups that are up, for what failed in main
 *
 * A view is made anew when the list, the epoch of the group, or the time says so.
 */
#ifndef USHERD_PROXY_BALANCE_VIEW_H
#define USHERD_PROXY_BALANCE_VIEW_H

#include "proxy/balance/balance.h"
#include "proxy/balance/server.h"

/* Why a member is in no tier. */
enum member_state {
	MEMBER_USABLE,
	MEMBER_DRAINS,			/* only for its sticky clients */
	MEMBER_EJECTED,
	MEMBER_FAILED,			/* says a check */
	MEMBER_OFF,			/* says the operator, or it has no address */
};

/* What a view needs; all of it outlives the view. */
struct view_env {
	const struct conf_backend *conf;
	struct shm_servers *servers;
	struct shm_members *members;
	struct metrics *metrics;
	struct loop *loop;
	struct server_pool *pool;
	struct tls_client *const *tls;
	int worker;
};

struct view_member {
	struct candidate as;		/* as a candidate */
	enum member_state state;
	struct shm_member member;
};

struct view {
	struct view_env env;
	const struct balance *balance;
	struct shm_group *group;
	uint64_t version;		/* of the list that is shown */
	uint64_t seen;			/* the same, or that of a list that could not be read */
	uint64_t epoch;			/* of the group */
	msec until_ms;			/* an ejection or a step of a slow start ends then */

	struct view_member *v;		/* the members */
	uint32_t n;
	uint16_t *by_id;		/* indexes of members, found by their id */
	uint32_t id_mask;
	struct server **known;		/* by slot: those of the members, and those that are no more
					 * but have a request or connection yet */
	uint32_t nknown;
	struct balance_ring ring;
	struct tier main;
	struct tier spare;
};

/* Makes the first view. */
void view_init(struct view *w, const struct view_env *env);
void view_fini(struct view *w);

/* Makes it anew; idle connections to servers that get no more requests are closed. */
void view_remake(struct view *w);

/* Whether it shows what is in shared memory now: three comparisons. */
static inline bool
view_is_fresh(const struct view *w)
{
	return clock_ms() < w->until_ms &&
	    atomic_load_explicit(&w->group->epoch, memory_order_acquire) == w->epoch &&
	    atomic_load_explicit(&w->env.members->version, memory_order_acquire) == w->seen;
}

/* The member with this id; NULL if there is none. */
struct view_member *view_find(struct view *w, uint64_t id);

/* What is to be said of a member at this time; `*until_ms` falls to when that may change. */
enum member_state member_state(const struct shm_server *server, const struct shm_member *m,
    msec *until_ms);

/*
 * The weight of a member that is up, in BALANCE_WEIGHT_UNIT: while it starts slowly, a tenth to all
 * of it in ten steps.  `*until_ms` as above.
 */
uint32_t member_weight(const struct shm_server *server, const struct shm_member *m,
    msec *until_ms);

#endif
