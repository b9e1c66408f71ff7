/*
 * ranges.h - which bytes a Range field asks for: RFC 9110, section 14.
 */
#ifndef USHERD_HTTP_RANGES_H
#define USHERD_HTTP_RANGES_H

#include <stdint.h>

#include "base/str.h"

enum { RANGES_MAX = 64 };		/* that are answered; with more there are none */

struct range {
	uint64_t first;
	uint64_t last;			/* inclusive, below the size */
};

enum ranges_result {
	RANGES_IGNORE,			/* send all, with 200 */
	RANGES_PARTIAL,			/* send these, with 206 */
	RANGES_NONE,			/* 416: nothing of what is asked for exists */
};

/*
 * Reads the value of a Range field for a representation of `size` bytes.  With PARTIAL, `out` has
 * `*n` ranges in the order of the field, those out of reach left out.
 *
 * Ignored, as RFC 9110, 14.2 allows, is a field that is malformed, has another unit, has more than
 * RANGES_MAX ranges, or asks for more bytes in all than there are: nobody gets more out of us by
 * naming a byte twice.  So is any range of an empty representation, which has no bytes to name.
 */
enum ranges_result ranges_parse(struct str value, uint64_t size, struct range out[RANGES_MAX],
    unsigned *n);

/* Bytes in a range. */
static inline uint64_t
range_len(const struct range *r)
{
	return r->last - r->first + 1;
}

#endif
