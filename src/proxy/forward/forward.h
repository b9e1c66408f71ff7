/*
 * forward.h - the source that lets a server of a backend answer.
 */
#ifndef USHERD_PROXY_FORWARD_H
#define USHERD_PROXY_FORWARD_H

#include "proxy/source.h"

extern const struct source source_forward;

#endif
