/*
 * admin.h - the status pages: /, /status.json, /metrics, /healthz, /readyz.
 */
#ifndef USHERD_PROXY_ADMIN_H
#define USHERD_PROXY_ADMIN_H

#include "proxy/source.h"

/* Answers any request on an admin listener; refuses clients outside `allow` with 403,
 * and names that are not ours with 421. */
extern const struct source source_admin;

#endif
