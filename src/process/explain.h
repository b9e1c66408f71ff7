/*
 * explain.h - --explain: what would happen to a request, and why.
 */
#ifndef USHERD_PROCESS_EXPLAIN_H
#define USHERD_PROCESS_EXPLAIN_H

#include "process/config.h"
#include "process/options.h"

/*
 * Prints the answer to `METHOD URL` for the configuration.  Returns the exit status: 0 when a route
 * is found, 1 when none is, 2 after a line about a question that is none.
 */
int explain(const struct options *o, const struct config *c);

#endif
