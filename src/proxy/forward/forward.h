/*
 * forward.h - the source that lets a server of a backend answer.
 */
#ifndef USHERD_PROXY_FORWARD_H
#define USHERD_PROXY_FORWARD_H

#include "conf/snapshot.h"
#include "http/back.h"
#include "proxy/source.h"

extern const struct source source_forward;

/* What a server is allowed whose requests are treated so. */
struct back_limits forward_limits(const struct conf_policy *policy);

#endif
