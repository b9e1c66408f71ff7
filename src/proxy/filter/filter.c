/*
 * filter.c - what happens to a message on its way through an exchange.
 */
#include "proxy/filter/filter.h"

#include "base/check.h"
#include "proxy/exchange.h"

static const struct filter *const request_filters[] = {
	&filter_max_body,
	&filter_mirror,
};

static const struct filter *const response_filters[] = {
	&filter_hide_server,
	&filter_security,
	&filter_cors,
	&filter_request_id,
	&filter_headers,
	&filter_compress,
	&filter_date,
};

static void
cancel(void *node)
{
	struct filter_node *n = node;

	n->filter->cancel(n);
}

static struct filter_node *
set_up(struct exchange *x, struct response *r, const struct filter *const *table, size_t n)
{
	struct filter_node *first = NULL, **last = &first;

	for (size_t i = 0; i < n; i++) {
		struct filter_node node = { .filter = table[i] };

		if (!table[i]->setup(x, r, &node))
			continue;
		*last = arena_alloc(&x->stream->arena, sizeof(node));
		**last = node;
		if (table[i]->cancel != NULL)
			exchange_at_end(x, cancel, *last);
		last = &(*last)->next;
	}
	return first;
}

struct filter_node *
filter_request(struct exchange *x)
{
	return set_up(x, NULL, request_filters, ARRAY_LEN(request_filters));
}

struct filter_node *
filter_response(struct exchange *x, struct response *r)
{
	return set_up(x, r, response_filters, ARRAY_LEN(response_filters));
}

bool
filter_body(struct exchange *x, struct filter_node *list, struct chain *bytes)
{
	for (struct filter_node *n = list; n != NULL; n = n->next)
		if (n->filter->body != NULL && !n->filter->body(x, n, bytes))
			return false;
	return true;
}

bool
filter_end(struct exchange *x, struct filter_node *list, struct chain *bytes)
{
	for (struct filter_node *n = list; n != NULL; n = n->next) {
		if (n->filter->end != NULL && !n->filter->end(x, n, bytes))
			return false;
		if (n->next != NULL && !chain_empty(bytes) && n->next->filter->body != NULL &&
		    !n->next->filter->body(x, n->next, bytes))
			return false;
	}
	return true;
}
