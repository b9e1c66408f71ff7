/*
 * request_id.h - the id that a request has in logs, in error pages and towards servers.
 */
#ifndef USHERD_PROXY_REQUEST_ID_H
#define USHERD_PROXY_REQUEST_ID_H

#include "http/fields.h"

enum {
	REQUEST_ID_LEN = 32,		/* of one that is made here */
	REQUEST_ID_MAX = 200,		/* of one that is taken over */
};

/*
 * The X-Request-ID of the fields if `trusted` says that they may be believed and it is 1 to
 * REQUEST_ID_MAX visible ASCII characters; else a random one, made in `arena`.
 */
struct str request_id_choose(const struct fields *fields, bool trusted, struct arena *arena);

#endif
