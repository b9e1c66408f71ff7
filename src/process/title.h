/*
 * title.h - what ps, top and pstree call a process.
 */
#ifndef USHERD_PROCESS_TITLE_H
#define USHERD_PROCESS_TITLE_H

/*
 * Moves arguments and environment elsewhere, before anything points to them, so that there is room
 * for titles where they were.  Returns the arguments, which live as long as the process.
 */
char **title_init(int argc, char **argv);

/* `comm` is the short name, at most 15 bytes; the title is cut where the room ends. */
void title_set(const char *comm, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
