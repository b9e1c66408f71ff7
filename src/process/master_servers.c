/*
 * master_servers.c - what the master does for the servers of backends: it checks their health.
 */
#include "process/master_internal.h"

/* The newest generation with workers that serve, or finish what they do; NULL: none. */
static struct generation *
newest(struct master *m)
{
	struct generation *found = m->current;

	if (found != NULL)
		return found;
	LIST_EACH(link, &m->generations) {
		struct generation *g = CONTAINER_OF(link, struct generation, link);

		if (g != m->next)
			found = g;
	}
	return found;
}

void
master_servers_changed(struct master *m)
{
	struct generation *g = newest(m);

	if (g != NULL)
		proxy_check(g->config->proxy, m->checks);
	else
		checks_use(m->checks, NULL, NULL, NULL);
}
