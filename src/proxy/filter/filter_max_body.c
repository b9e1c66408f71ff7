/*
 * filter_max_body.c - request bodies no longer than max_body.
 */
#include "proxy/exchange.h"
#include "proxy/filter/filter.h"

static bool
too_large(struct exchange *x)
{
	exchange_fail(x, 413, "body-limit", "a request body of more than %lld bytes",
	    (long long)x->policy->max_body);
	return false;
}

/* A length that is known is refused before a byte of the body is read: see step_body(). */
static bool
setup(struct exchange *x, struct response *r, struct filter_node *node)
{
	(void)r;
	(void)node;
	return x->request->framing == FRAMING_CHUNKED && x->policy->max_body != CONF_OFF;
}

static bool
body(struct exchange *x, struct filter_node *node, struct chain *bytes)
{
	(void)node;
	(void)bytes;			/* counted in x->body_in already */
	return x->tunnel || x->body_in <= (uint64_t)x->policy->max_body || too_large(x);
}

const struct filter filter_max_body = { "max_body", setup, body, NULL, NULL };
