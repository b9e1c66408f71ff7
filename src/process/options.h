/*
 * options.h - the command line.
 */
#ifndef USHERD_PROCESS_OPTIONS_H
#define USHERD_PROCESS_OPTIONS_H

#include <stdbool.h>

#include "conf/load.h"

#ifndef USHERD_SYSCONFDIR
#define USHERD_SYSCONFDIR "/etc"
#endif

/* Where the configuration is unless -c names it. */
#define OPTIONS_CONFIG	USHERD_SYSCONFDIR "/usherd.ini"

/* What the process was called for; OPTIONS_RUN unless a flag says otherwise. */
enum options_task {
	OPTIONS_RUN,
	OPTIONS_TEST,			/* -t */
	OPTIONS_DUMP,			/* -T */
	OPTIONS_EXPLAIN,		/* --explain */
	OPTIONS_SIGNAL,			/* -s */
	OPTIONS_VERSION,		/* -V */
	OPTIONS_HELP,			/* -h */
};

/* The texts are those of argv. */
struct options {
	enum options_task task;
	const char *config;		/* -c */
	bool foreground;		/* -f, and always in quick mode */
	bool quiet;			/* -q */
	const char *signal;		/* the word behind -s */
	const char *explain;		/* `METHOD URL` */
	const char **headers;		/* -H */
	unsigned nheaders;
	const char *from;		/* --from; NULL: not given */
	const char *listen;		/* -l: quick mode, no file; else NULL */
	const char **urls;		/* -b */
	unsigned nurls;
	struct conf_override *overrides; /* -g */
	unsigned noverrides;
};

/* 0, or -1 after a line on stderr.  The caller ends both with options_fini(). */
int options_parse(struct options *o, int argc, char **argv);
void options_fini(struct options *o);

/* The text of -h. */
extern const char options_usage[];

#endif
