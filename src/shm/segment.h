/*
 * segment.h - memory shared by master and workers: a memfd with a header that says what it is.
 *
 * Segments are made by the master before a fork, inherited by workers and kept over reloads.  They
 * hold no pointers.  A large address range is reserved once, so a segment grows without moving.
 */
#ifndef USHERD_SHM_SEGMENT_H
#define USHERD_SHM_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct segment_header {
	uint64_t magic;
	uint64_t layout;		/* hash of the structures inside */
	_Atomic uint64_t size;		/* bytes in use, this header included */
};

struct segment {
	int fd;				/* -1: none; workers close theirs and keep the memory */
	struct segment_header *base;
	size_t reserved;		/* address range */
	size_t mapped;			/* how much this process has checked to exist */
};

/*
 * The `layout` of a segment: a hash of its name and of the sizes and offsets of what is inside.
 * The same numbers give the same hash in every build.
 */
uint64_t segment_layout(const char *name, const size_t *numbers, size_t n);

/*
 * Makes a segment of `size` bytes (zeroes behind the header) in a range of `reserve` bytes.
 * 0, or -1 with errno (no memory, no descriptors).
 */
int segment_new(struct segment *s, const char *name, uint64_t layout, size_t size, size_t reserve);

/*
 * Maps a segment that another process made (upgrade, tests); the segment owns `fd` from then on.
 * -1 with errno when it cannot be mapped, EINVAL when magic, layout, size or seals do not fit:
 * nothing in it is believed before that, and `fd` stays the caller's.
 */
int segment_open(struct segment *s, int fd, uint64_t layout, size_t reserve);

/* Makes it at least `size` bytes long; addresses stay.  0, or -1 with errno.  Master only. */
int segment_grow(struct segment *s, size_t size);

/* Unmaps and closes. */
void segment_close(struct segment *s);

#endif
