/*
 * mirror.h - copies of requests for another backend, whose answers nobody sees.
 *
 *	stream ─► filter_mirror ─► source
 *	               └─ bytes shared ─► mirror ─► back_stream ─► server
 *
 * The original never waits for its copy: a copy that cannot keep pace, for which there is no
 * server, or which is one too many is dropped.  A mirror owns all that it needs, and outlives its
 * exchange.
 */
#ifndef USHERD_PROXY_FORWARD_MIRROR_H
#define USHERD_PROXY_FORWARD_MIRROR_H

struct exchange;
struct runtime;

/*
 * Begins the copy of a request that was chosen for it (x->mirror_tap); x->uri is known.  What
 * becomes of it is counted with its backend.
 */
void mirror_start(struct exchange *x);

/* Drops all copies in flight. */
void mirror_stop(struct runtime *rt);

#endif
