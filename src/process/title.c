/*
 * title.c - what ps, top and pstree call a process.
 *
 * The kernel shows the bytes that it wrote the arguments to, followed by those of the environment
 * if the last byte of the arguments is not 0 any more.
 */
#include "process/title.h"

#include <sys/prctl.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static char *room;		/* where the arguments and the environment were */
static size_t room_size;
static char **arguments;	/* here too, so that a look for leaks finds them in use */

/* The copies are never freed: getenv() may have handed them out. */
static char **
copy_strings(char **strings)
{
	size_t n = 0;
	char **copy;

	while (strings[n] != NULL)
		n++;
	copy = mem_zalloc(n + 1, sizeof(*copy));
	for (size_t i = 0; i < n; i++) {
		if (strings[i] == room + room_size)
			room_size += strlen(strings[i]) + 1;
		copy[i] = mem_strdup(strings[i]);
	}
	return copy;
}

char **
title_init(int argc, char **argv)
{
	if (argc == 0)
		return argv;
	room = argv[0];
	arguments = copy_strings(argv);
	environ = copy_strings(environ);
	return arguments;
}

void
title_set(const char *comm, const char *fmt, ...)
{
	va_list ap;

	(void)prctl(PR_SET_NAME, comm, 0, 0, 0);
	if (room_size == 0)
		return;
	memset(room, 0, room_size);
	va_start(ap, fmt);
	vsnprintf(room, room_size, fmt, ap);
	va_end(ap);
}
