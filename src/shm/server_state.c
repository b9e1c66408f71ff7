/*
 * server_state.c - what moves in the slots of servers: places, health, orders; and its repair.
 */
#include "base/check.h"
#include "shm/servers.h"
#include "shm/share.h"

const char *const shm_finding_names[FOUND_KINDS] = {
	[FOUND_NOTHING] = "unchecked",
	[FOUND_OK] = "ok",
	[FOUND_DNS] = "dns",
	[FOUND_CONNECT] = "connect",
	[FOUND_TIMEOUT] = "timeout",
	[FOUND_CLOSED] = "closed",
	[FOUND_TLS] = "tls-handshake",
	[FOUND_TLS_VERIFY] = "tls-verify",
	[FOUND_BAD_RESPONSE] = "bad-response",
	[FOUND_STATUS] = "status",
	[FOUND_BODY] = "body",
	[FOUND_FAILED] = "not-checked",
};

bool
shm_server_take(struct shm_server *server, int worker, uint32_t max_conns)
{
	return share_take(&server->in_flight, &server->held[worker], max_conns);
}

void
shm_server_give(struct shm_server *server, int worker)
{
	share_give(&server->in_flight, &server->held[worker]);
}

uint32_t
shm_server_connections(const struct shm_server *server)
{
	uint32_t sum = 0;

	for (int i = 0; i < SHM_WORKERS; i++)
		sum += atomic_load_explicit(&server->connections[i], memory_order_relaxed);
	return sum;
}

bool
shm_server_is_idle(const struct shm_server *server)
{
	return atomic_load(&server->in_flight) == 0 && shm_server_connections(server) == 0;
}

static bool
order_stops(uint32_t order)
{
	return order == ORDER_DRAIN || order == ORDER_DISABLE;
}

static void
came_up(struct shm_server *server)
{
	atomic_store(&server->errors, 0);
	atomic_store(&server->up_since_ms, clock_ms());
}

bool
shm_server_set_health(struct shm_servers *s, struct shm_server *server, enum shm_health health)
{
	uint32_t before = atomic_load(&server->health);

	if (before == (uint32_t)health)
		return false;
	if (before == HEALTH_DOWN)
		came_up(server);
	atomic_store(&server->health, health);
	shm_group_changed(&s->groups[server->group]);
	return true;
}

bool
shm_server_set_order(struct shm_servers *s, struct shm_server *server, enum shm_order order)
{
	uint32_t before = atomic_load(&server->order);

	if (before == (uint32_t)order)
		return false;
	if (order_stops(before) && !order_stops(order))
		came_up(server);
	if (order == ORDER_ENABLE) {
		atomic_store(&server->ejections, 0);
		atomic_store(&server->ejected_until_ms, 0);
	}
	atomic_store(&server->order, order);
	shm_group_changed(&s->groups[server->group]);
	return true;
}

void
shm_servers_repair(struct shm_servers *s, int worker)
{
	uint32_t nslots = atomic_load(s->nslots), ngroups = atomic_load(s->ngroups);

	CHECK(worker >= 0 && worker < SHM_WORKERS);
	for (uint32_t i = 0; i < nslots; i++) {
		struct shm_server *server = &s->slots[i];

		atomic_store(&server->connections[worker], 0);
		share_repair(&server->in_flight, &server->held[worker]);
	}
	for (uint32_t i = 0; i < ngroups; i++)
		shm_group_repair(&s->groups[i], worker);
}

void
shm_servers_correct(struct shm_servers *s)
{
	uint32_t nslots = atomic_load(s->nslots), ngroups = atomic_load(s->ngroups);

	for (uint32_t i = 0; i < nslots; i++)
		share_correct(&s->slots[i].in_flight, s->slots[i].held, SHM_WORKERS,
		    &s->last_look[i]);
	for (uint32_t i = 0; i < ngroups; i++)
		share_correct(&s->groups[i].in_flight, s->groups[i].held, SHM_WORKERS,
		    &s->group_last_look[i]);
}
