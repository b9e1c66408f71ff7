/*
 * standing.h - whether a server gets requests, who says so and why, in words for pages and logs.
 */
#ifndef USHERD_PROXY_SERVERS_STANDING_H
#define USHERD_PROXY_SERVERS_STANDING_H

#include "shm/servers.h"

struct standing {
	const char *state;		/* up, down, unresolved, ejected, draining, disabled */
	const char *by;			/* config, check, eject, usherctl, dns */
	const char *reason;		/* down by check: what the last one found, or "rising" if
					 * that was good but not enough yet; else "" */
	bool up;			/* it gets requests of all clients */
};

/* What holds for a server now, as its list and its slot have it. */
struct standing standing_of(const struct shm_server *server, const struct shm_member *member);

#endif
