/*
 * limits.h - the descriptors that a process may have, and so how many connections it can bear.
 */
#ifndef USHERD_PROCESS_LIMITS_H
#define USHERD_PROCESS_LIMITS_H

#include <stdbool.h>

/*
 * Raises RLIMIT_NOFILE of this process, and so of its children, to what `connections` client
 * connections take with one to a server each, and `others` descriptors more.  Returns how many
 * connections fit; where that is less, and `warn`, after a warning.
 */
unsigned limits_fit(unsigned connections, unsigned others, bool warn);

#endif
