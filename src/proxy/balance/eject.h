/*
 * eject.h - passive checks: a server that fails again and again gets no requests for a while.
 */
#ifndef USHERD_PROXY_BALANCE_EJECT_H
#define USHERD_PROXY_BALANCE_EJECT_H

#include "proxy/balance/view.h"

enum { EJECT_MAX_MS = 300000 };		/* the longest ejection */

/* A request to the server succeeded. */
void eject_good(const struct view *w, struct server *s);

/*
 * One failed: at conf_eject.errors in a row the server is ejected for its time, times the number of
 * ejections in a row; all workers know at once.  Never if more than max_pct of the members would be
 * out then, ejected or down, so a server that is alone is never ejected with less than 100 %.
 */
void eject_bad(const struct view *w, struct server *s);

#endif
