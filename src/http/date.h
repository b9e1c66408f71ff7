/*
 * date.h - dates of fields: RFC 9110, 5.6.7.
 */
#ifndef USHERD_HTTP_DATE_H
#define USHERD_HTTP_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum { HTTP_DATE_LEN = 29 };

/*
 * Writes `seconds` since the epoch (years 1 to 9999) as `Sun, 06 Nov 1994 08:49:37 GMT`, in
 * HTTP_DATE_LEN bytes, without a NUL.
 */
void http_date_write(char *out, int64_t seconds);

/* The same in an arena. */
struct str http_date_text(struct arena *arena, int64_t seconds);

/*
 * Reads any of the three forms that a recipient must know; false on everything else.  The day of
 * the week is not compared with the date.
 */
bool http_date_parse(struct str text, int64_t *seconds);

#endif
