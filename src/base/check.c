/*
 * check.c - what a broken CHECK() does.
 */
#include "base/check.h"

#include <stdlib.h>

#include "base/log.h"

void
check_failed(const char *file, int line, const char *condition)
{
	log_error("bug: %s:%d: %s", file, line, condition);
	abort();
}
