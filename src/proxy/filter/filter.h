/*
 * filter.h - what happens to a message on its way through an exchange.
 *
 *	stream ─► request filters ─► source ─► response filters ─► stream
 *
 * A filter is a file of its own.  Its setup decides in a few guards whether it takes part; those
 * that do are called in the order of the tables in filter.c.
 */
#ifndef USHERD_PROXY_FILTER_H
#define USHERD_PROXY_FILTER_H

#include "base/chain.h"
#include "http/message.h"

struct exchange;

struct filter_node {
	const struct filter *filter;
	struct filter_node *next;
	void *state;
};

struct filter {
	const char *name;

	/*
	 * Looks at the head, and may change it.  True to take part in the body too, then
	 * node->state is the filter's own.  `r` is NULL for request filters.
	 */
	bool (*setup)(struct exchange *x, struct response *r, struct filter_node *node);

	/* Changes the bytes in place.  False if it failed the exchange.  May be NULL. */
	bool (*body)(struct exchange *x, struct filter_node *node, struct chain *bytes);

	/* Appends what it kept back; the body ends after that.  May be NULL. */
	bool (*end)(struct exchange *x, struct filter_node *node, struct chain *bytes);

	/* The exchange is over, after end() or without it: frees what is left.  May be NULL. */
	void (*cancel)(struct filter_node *node);
};

/* Runs the setups; the list of those that take part in the body. */
struct filter_node *filter_request(struct exchange *x);
struct filter_node *filter_response(struct exchange *x, struct response *r);

/* Runs bytes through a list; false if the exchange has failed. */
bool filter_body(struct exchange *x, struct filter_node *list, struct chain *bytes);
bool filter_end(struct exchange *x, struct filter_node *list, struct chain *bytes);

/* The filters. */
extern const struct filter filter_max_body;	/* request: no more bytes than max_body */
extern const struct filter filter_mirror;	/* request: a copy for another backend */
extern const struct filter filter_hide_server;	/* response: no Server, no X-Powered-By */
extern const struct filter filter_security;	/* response: what `preset = security` adds */
extern const struct filter filter_cors;		/* response: who may read it */
extern const struct filter filter_request_id;	/* response: X-Request-ID */
extern const struct filter filter_headers;	/* response: what [headers] sections change */
extern const struct filter filter_compress;	/* response: fewer bytes */
extern const struct filter filter_date;		/* response: a Date where it is missing */

#endif
