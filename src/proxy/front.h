/*
 * front.h - the listeners of a worker and the client connections that come from them.
 */
#ifndef USHERD_PROXY_FRONT_H
#define USHERD_PROXY_FRONT_H

#include "proxy/runtime.h"

struct front;
struct h1_front_options;

/* What a listener's section says about its connections; routes say more later. */
void front_set_limits(struct h1_front_options *o, const struct conf_listen *listen,
    const struct conf_policy *fallback);

/*
 * Accepts on the descriptors of `env`: those of the snapshot's listens and binds in their order,
 * then those of the admin pages.  Returns an array of fronts that front_close() ends; NULL after an
 * error line.
 */
struct front *front_open(struct runtime *rt, const struct proxy_env *env);

/* Stops accepting and closes the listening sockets of this process. */
void front_stop(struct front *f);

void front_close(struct front *f);

#endif
