/*
 * accept.h - which media type a client likes best: RFC 9110, 12.5.1.
 */
#ifndef USHERD_HTTP_ACCEPT_H
#define USHERD_HTTP_ACCEPT_H

#include "http/fields.h"

/*
 * The index of the type that the Accept fields of a request give most weight, of `n` types such as
 * `text/html` in our own order of preference; 0 when nothing is said, or none is acceptable.  The
 * most specific range that fits a type decides; parameters but the weight are ignored.
 */
unsigned accept_choose(const struct fields *request, const struct str *types, unsigned n);

#endif
