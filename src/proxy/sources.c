/*
 * sources.c - who may answer the requests of a route, in the order in which they are asked.
 */
#include "proxy/sources.h"

#include "base/check.h"
#include "proxy/answer.h"
#include "proxy/bucket/bucket.h"
#include "proxy/files/files.h"
#include "proxy/forward/forward.h"
#include "proxy/route/route.h"

enum { SOURCES_MAX = 2 };	/* of a route */

/* By enum conf_action. */
static const struct source *const sources[][SOURCES_MAX + 1] = {
	[ACTION_BACKEND] = { &source_forward },
	[ACTION_SPLIT] = { &source_forward },
	[ACTION_BUCKET] = { &source_bucket },
	[ACTION_FILES] = { &source_files, &source_forward },
	[ACTION_REDIRECT] = { &source_redirect },
	[ACTION_RESPOND] = { &source_respond },
};

const struct source *const *
sources_of(const struct exchange *x)
{
	CHECK(x->route->action < ARRAY_LEN(sources));
	return sources[x->route->action];
}

void
sources_start(struct exchange *x)
{
	for (const struct source *const *s = sources_of(x); *s != NULL; s++)
		if (exchange_set_source(x, *s, NULL) == SOURCE_TAKEN)
			return;
	exchange_fail(x, 404, "no-route", "the route has no action");
}
