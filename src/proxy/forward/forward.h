/*
 * forward.h - the source that lets a server of a backend answer.
 */
#ifndef USHERD_PROXY_FORWARD_H
#define USHERD_PROXY_FORWARD_H

#include "conf/snapshot.h"
#include "http/back.h"
#include "proxy/source.h"

struct exchange;

extern const struct source source_forward;

/* A connection idle for longer may be about to close: not for what can be sent only once. */
enum { UNREPLAYABLE_IDLE_MS = 1000 };

/* What a server is allowed whose requests are treated so. */
struct back_limits forward_limits(const struct conf_policy *policy);

/* Puts the PROXY header that x->backend asks for, if any, on a new connection to its server. */
void forward_proxy_header(const struct exchange *x, struct back_stream *back);

#endif
