/*
 * version.c - what -V says.
 */
#include "process/version.h"

#include <stdio.h>

#include "base/digest.h"
#include "base/regex.h"
#include "http/h1_parse.h"
#include "net/resolver.h"
#include "proxy/filter/coder.h"

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
	char regex[96], coders[128];

	regex_library(regex, sizeof(regex));
	coder_libraries(coders, sizeof(coders));
	printf("usherd %s\n", USHERD_VERSION);
	printf("built with: %s\n", USHERD_BUILD);
	printf("libraries: %s, %s, %s, %s, %s, inih\n", digest_library(), h1_parse_library, regex,
	    resolver_library(), coders);
	printf("configuration: %s/usherd.ini\n", USHERD_SYSCONFDIR);
	printf("run-time files: %s\n", USHERD_RUNSTATEDIR);
}
