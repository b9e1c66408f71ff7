/*
 * version.c - what -V says.
 */
#include "process/version.h"

#include <stdio.h>

#ifndef USHERD_BUILD
#define USHERD_BUILD "unknown"
#endif
#ifndef USHERD_SYSCONFDIR
#define USHERD_SYSCONFDIR "/etc"
#endif
#ifndef USHERD_RUNSTATEDIR
#define USHERD_RUNSTATEDIR "/run"
#endif

void
version_print(void)
{
	printf("usherd %s\n", USHERD_VERSION);
	printf("built with: %s\n", USHERD_BUILD);
	printf("configuration: %s/usherd.ini\n", USHERD_SYSCONFDIR);
	printf("run-time files: %s\n", USHERD_RUNSTATEDIR);
}
