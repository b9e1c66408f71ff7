/*
 * standing.c - whether a server gets requests, who says so and why, in words for pages and logs.
 */
#include "proxy/servers/standing.h"

#include "base/clock.h"

static struct standing
down_by_check(const struct shm_server *server)
{
	uint32_t finding = atomic_load(&server->look.finding);
	const char *reason = finding < FOUND_KINDS ? shm_finding_names[finding] : "";

	if (finding == FOUND_OK)
		reason = "rising";
	return (struct standing){ "down", "check", reason, false };
}

/* As balancing sees it: what an operator says stands above what checks say. */
struct standing
standing_of(const struct shm_server *server, const struct shm_member *member)
{
	uint32_t order = atomic_load(&server->order), health = atomic_load(&server->health);
	bool out = (member->flags & MEMBER_DOWN) != 0;

	if (order == ORDER_DISABLE)
		return (struct standing){ "disabled", "usherctl", "", false };
	if (order == ORDER_DRAIN)
		return (struct standing){ "draining", "usherctl", "", false };
	if (out && order != ORDER_ENABLE)
		return (struct standing){ "down", "config", "", false };
	if (server->addr.len == 0)
		return (struct standing){ "unresolved", "dns", "", false };
	if (health == HEALTH_DOWN)
		return down_by_check(server);
	if (atomic_load(&server->ejected_until_ms) > clock_ms())
		return (struct standing){ "ejected", "eject", "", false };
	if ((member->flags & MEMBER_DRAINING) != 0 && order != ORDER_ENABLE)
		return (struct standing){ "draining", "config", "", false };
	if (order == ORDER_ENABLE)
		return (struct standing){ "up", "usherctl", "", true };
	return (struct standing){ "up", health == HEALTH_UP ? "check" : "config", "", true };
}
