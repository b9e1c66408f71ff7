/*
 * descriptors.h - a process keeps only the descriptors it has a use for.
 */
#ifndef USHERD_PROCESS_DESCRIPTORS_H
#define USHERD_PROCESS_DESCRIPTORS_H

#include <stddef.h>

/*
 * Of a process that begins: standard descriptors that are closed become /dev/null, so that no other
 * file gets their numbers.  0, or -1 with errno.
 */
int descriptors_fill_standard(void);

/*
 * Of a daemon that begins, before it opens anything: closes what it inherited but 0, 1, 2 and `n`
 * sockets from `first` on.  0, or -1 with errno.
 */
int descriptors_close_inherited(int first, int n);

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
