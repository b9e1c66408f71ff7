/*
 * pipe.h - pipes that splice() moves body bytes through without copying them.
 *
 * A worker keeps at most 32 of them, 256 KiB each: above a per-user sum the kernel refuses to
 * enlarge pipes.  No pipe to be had means copying, never waiting.
 */
#ifndef USHERD_NET_PIPE_H
#define USHERD_NET_PIPE_H

#include <stddef.h>

enum {
	PIPE_BYTES = 262144,
	PIPES_MAX = 32,
	SPLICE_MIN = 65536,		/* less than this is copied faster than spliced */
};

struct pipe {
	int read_fd;
	int write_fd;
	size_t held;			/* bytes inside */
	struct pipe *next;
};

/* An empty pipe, or NULL. */
struct pipe *pipe_take(void);

/* Gives it back; one with bytes inside is closed. */
void pipe_give(struct pipe *p);

/* The same as a release callback of chain_add_pipe(). */
void pipe_release(void *pipe);

#endif
