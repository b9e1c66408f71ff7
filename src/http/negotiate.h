/*
 * negotiate.h - which content coding a client likes best: RFC 9110, 12.5.3.
 */
#ifndef USHERD_HTTP_NEGOTIATE_H
#define USHERD_HTTP_NEGOTIATE_H

#include "http/fields.h"

enum { NEGOTIATE_MAX = 8 };

/*
 * Picks from `n` codings that can be offered, in the server's order of preference (`gzip`, `br`,
 * ...; at most NEGOTIATE_MAX), those that the client accepts and does not like less than no coding
 * at all.  `order` gets their indices, best first: by the client's weights, then by our order.
 * Returns how many; 0: send it as it is, which is so for every client without Accept-Encoding.
 */
unsigned negotiate_codings(const struct fields *request, const struct str *offered, unsigned n,
    unsigned order[NEGOTIATE_MAX]);

/*
 * Reads one element of such a list, `gzip;q=0.5`: its name, and its weight in thousandths (1000
 * when none is given).  False when it is empty or malformed.
 */
bool negotiate_element(struct str element, struct str *name, int *permille);

#endif
