/*
 * balance.c - the algorithms that choose a server, and what they have in common.
 */
#include "proxy/balance/balance.h"

const struct balance balances[] = {
	[BALANCE_ROUND_ROBIN] = { balance_round_robin, false, false },
	[BALANCE_LEAST_CONN] = { balance_least_conn, false, false },
	[BALANCE_IP_HASH] = { balance_ip_hash, true, false },
	[BALANCE_HASH] = { balance_hash, true, true },
	[BALANCE_RANDOM] = { balance_random, false, false },
	[BALANCE_LEAST_TIME] = { balance_least_time, false, false },
};

bool
balance_may_take(const struct candidate *c, const struct turn *turn)
{
	for (unsigned i = 0; i < turn->ntried; i++)
		if (turn->tried[i] == c->id)
			return false;
	return c->max_conns == 0 ||
	    atomic_load_explicit(&c->shared->in_flight, memory_order_relaxed) < c->max_conns;
}

bool
balance_take(const struct candidate *c, const struct turn *turn)
{
	if (!balance_may_take(c, turn) || !shm_server_take(c->shared, turn->worker, c->max_conns))
		return false;
	/* The slot may have got another server since we read the list: see shm/servers.h. */
	if (atomic_load(&c->shared->serial) == c->serial)
		return true;
	shm_server_give(c->shared, turn->worker);
	return false;
}

struct candidate *
balance_take_any(const struct tier *tier, const struct turn *turn, uint32_t from)
{
	for (uint32_t i = 0; i < tier->n; i++) {
		struct candidate *c = &tier->v[(from + i) % tier->n];

		if (balance_take(c, turn))
			return c;
	}
	return NULL;
}
