/*
 * title.h - what ps, top and pstree call a process.
 */
#ifndef USHERD_PROCESS_TITLE_H
#define USHERD_PROCESS_TITLE_H

/*
 * Moves the texts of the arguments and of the environment elsewhere, before anything else points to
 * them, so that there is room for titles where they were.
 */
void title_init(char **argv);

/* `comm` is the short name, at most 15 bytes; the title is cut where the room ends. */
void title_set(const char *comm, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
