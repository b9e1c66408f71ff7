/*
 * attempts.h - the attempts to get an answer from servers, for logs and variables.
 */
#ifndef USHERD_PROXY_ATTEMPTS_H
#define USHERD_PROXY_ATTEMPTS_H

#include <stdint.h>

#include "base/str.h"

struct attempt {
	struct attempt *next;
	struct str addr;		/* text of the server's address, in the arena */
	int status;			/* 0: no response */
	int64_t start_us;
	int64_t connected_us;		/* 0: a reused connection, or never */
	int64_t head_us;		/* 0: no response */
	int64_t end_us;
};

struct attempts {
	struct attempt *first;		/* the oldest */
	unsigned n;			/* made; more than the list shows if they are very many */
};

#endif
