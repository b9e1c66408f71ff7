/*
 * explain_question.h - the request that --explain asks about.
 */
#ifndef USHERD_PROXY_EXPLAIN_EXPLAIN_QUESTION_H
#define USHERD_PROXY_EXPLAIN_EXPLAIN_QUESTION_H

#include "base/addr.h"
#include "base/str.h"

struct explain_question {
	struct str method;
	bool https;
	struct str host;		/* HOST[:PORT]; absent: none was named */
	uint16_t port;			/* of the connection */
	struct str target;		/* path and query; after -H a Host of its own may stand */
	const char *const *headers;	/* `Name: value` */
	unsigned nheaders;
	struct ip_port from;		/* who is connected */
};

#endif
