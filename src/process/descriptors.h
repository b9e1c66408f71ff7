/*
 * descriptors.h - a forked process keeps only the descriptors it has a use for.
 */
#ifndef USHERD_PROCESS_DESCRIPTORS_H
#define USHERD_PROCESS_DESCRIPTORS_H

#include <stddef.h>

/* Descriptors that stay; all-zero is an empty list. */
struct descriptors {
	int *v;
	size_t n;
};

/* Adds descriptors to the list; -1 is passed over. */
void descriptors_keep(struct descriptors *d, const int *fds, size_t n);

/*
 * Closes every descriptor of this process but 0, 1, 2 and those on the list, and empties the list.
 * 0, or -1 with errno.
 */
int descriptors_close_others(struct descriptors *d);

#endif
