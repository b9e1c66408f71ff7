/*
 * split.c - which backend of `split = 90:app 10:canary` gets a request.
 *
 *	hash of the key ─► 0 ├──────────── app ────────────┼─ canary ─┤ 2^32
 */
#include "proxy/route/split.h"

#include "base/rng.h"
#include "proxy/route/route.h"
#include "proxy/text/template.h"

/* Fixed, so that all workers and machines agree; who picks his key may pick his backend. */
#define SEED	UINT64_C(0x73706c6974)

const struct conf_split *
split_at(const struct conf_route *route, uint32_t place)
{
	uint64_t sum = 0, point;

	for (unsigned i = 0; i < route->nsplits; i++)
		sum += route->splits[i].weight;
	point = place * sum >> 32;
	for (unsigned i = 0; i + 1 < route->nsplits; i++) {
		if (point < route->splits[i].weight)
			return &route->splits[i];
		point -= route->splits[i].weight;
	}
	return &route->splits[route->nsplits - 1];
}

const struct conf_split *
split_choose(const struct exchange *x)
{
	const struct template *key = x->route->text;
	struct str text = { NULL, 0 };
	uint64_t place;

	if (key != NULL)
		text = template_eval(key, x, &x->stream->arena);
	place = text.n > 0 ? str_hash(text, SEED) : rng_next();
	return split_at(x->conf, (uint32_t)(place >> 32));
}
