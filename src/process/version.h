/*
 * version.h - what -V says.
 */
#ifndef USHERD_PROCESS_VERSION_H
#define USHERD_PROCESS_VERSION_H

#ifndef USHERD_VERSION
#define USHERD_VERSION "0"
#endif

/* Prints version, build options and libraries to standard output. */
void version_print(void);

#endif
