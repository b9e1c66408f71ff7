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
static char *moved;		/* its bytes; never freed, as getenv() may have handed them out */

static void
measure(char **strings)
{
	for (; *strings != NULL; strings++)
		if (*strings == room + room_size)
			room_size += strlen(*strings) + 1;
}

static void
move(char **strings)
{
	for (; *strings != NULL; strings++)
		if (*strings >= room && *strings < room + room_size)
			*strings = moved + (*strings - room);
}

void
title_init(char **argv)
{
	room = argv[0];
	measure(argv);
	measure(environ);
	if (room_size == 0)
		return;
	moved = mem_alloc(room_size);
	memcpy(moved, room, room_size);
	move(argv);
	move(environ);
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
