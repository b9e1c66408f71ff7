/*
 * chain.h - body bytes on their way: lists of segments that move without being copied.
 *
 *	chain ─► seg MEM  (part of a reference-counted block)
 *	         seg EXT  (foreign memory, given back by a callback)
 *	         seg FILE (descriptor, offset, length)
 *	         seg PIPE (bytes inside a pipe)
 *	         seg SPENT (bytes that are somewhere else already, and are only counted)
 *
 * A function that consumes a chain calls that parameter `moved`: afterwards the chain is empty.
 */
#ifndef USHERD_BASE_CHAIN_H
#define USHERD_BASE_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/str.h"

enum { BLOCK_SIZE = 16384 };

/* Memory shared by the segments and slices that point into it.  One process, so no atomics. */
struct block {
	uint32_t refs;
	uint32_t size;		/* bytes of data */
	uint32_t used;		/* how far data is filled; every writer moves it on */
	uint32_t unused;	/* data starts on a 16-byte boundary */
	char data[];
};

/* A block with one reference and `used` 0.  Blocks of BLOCK_SIZE come from a free list. */
struct block *block_new(size_t size);

static inline struct block *
block_ref(struct block *b)
{
	b->refs++;
	return b;
}

/* Drops a reference; the last one frees.  NULL is fine. */
void block_unref(struct block *b);

enum seg_kind { SEG_MEM = 1, SEG_EXT = 2, SEG_FILE = 4, SEG_PIPE = 8, SEG_SPENT = 16 };

struct pipe;			/* net/pipe.h */

struct seg {
	struct seg *next;
	enum seg_kind kind;
	int fd;				/* FILE: stays the lender's, closed by release */
	size_t len;
	char *p;			/* MEM, EXT: first byte */
	struct block *block;		/* MEM: holds one reference */
	off_t offset;			/* FILE */
	void (*release)(void *arg);	/* EXT, FILE, PIPE: called once at the end; may be NULL */
	void *arg;			/* PIPE: the struct pipe */
};

struct chain {
	struct seg *first;
	struct seg **last_next;		/* where the next segment is hung */
	size_t len;			/* bytes in all segments */
};

static inline void
chain_init(struct chain *c)
{
	c->first = NULL;
	c->last_next = &c->first;
	c->len = 0;
}

static inline bool
chain_empty(const struct chain *c)
{
	return c->len == 0;
}

/* Releases all segments; the chain is empty and usable. */
void chain_clear(struct chain *c);

/* Appends `len` bytes at `p`, which lie in `block`; takes a new reference.  Adjacent bytes of the
 * same block become one segment.  len 0 does nothing. */
void chain_add_block(struct chain *c, struct block *block, char *p, size_t len);

/* Appends foreign memory; `release(arg)` is called once nothing needs it any more (len 0: now). */
void chain_add_ext(struct chain *c, const char *p, size_t len, void (*release)(void *), void *arg);

/* Appends a part of a file; release(arg) as above. */
void chain_add_file(struct chain *c, int fd, off_t offset, size_t len, void (*release)(void *),
    void *arg);

/* Appends `len` bytes that are in `pipe`; release(pipe) gives the pipe back. */
void chain_add_pipe(struct chain *c, struct pipe *pipe, size_t len, void (*release)(void *));

/* Appends a copy of the bytes, filling the last block where that is safe. */
void chain_add_copy(struct chain *c, const void *p, size_t len);

/*
 * Room to write at least `min` bytes behind the chain's last byte, in a block that only this chain
 * fills; `*room` says how much there is.  The next call for this chain must be chain_commit(),
 * which appends the `n` bytes that were written there; 0 gives back a block that was taken for it.
 */
char *chain_room(struct chain *c, size_t min, size_t *room);
void chain_commit(struct chain *c, size_t n);

/* Appends all of `moved` to `c`. */
void chain_move(struct chain *c, struct chain *moved);

/* Moves the first `n` bytes of `from` to the end of `c`; n <= from->len.  A PIPE segment moves only
 * whole: n must not cut one. */
void chain_take(struct chain *c, struct chain *from, size_t n);

/* Drops the first `n` bytes, of a PIPE those that have left the pipe; n <= c->len. */
void chain_drop(struct chain *c, size_t n);

/* Gives back the memory of the first `n` bytes, which count on until chain_drop(). */
void chain_spend(struct chain *c, size_t n);

/* Appends to `c` the bytes of `from`, which keeps them: MEM only, shared by reference. */
void chain_share(struct chain *c, const struct chain *from);

/*
 * The same for bytes that are kept for long: pieces that leave much of their blocks empty are
 * copied together, so that a chain holds little more memory than it has bytes.
 */
void chain_keep(struct chain *c, const struct chain *from);

/* Does so with a chain's own bytes if it holds twice the memory that they need; MEM only, chains
 * with other kinds stay as they are. */
void chain_pack(struct chain *c);

/* Fills `iov` with the leading MEM and EXT segments; returns their number, `*bytes` their sum. */
int chain_iov(const struct chain *c, struct iovec *iov, int max, size_t *bytes);

/* Kinds that stand in the chain, as a mask. */
unsigned chain_kinds(const struct chain *c);

/* Copies the first `n` bytes, all in MEM and EXT segments, to `out`; n <= c->len. */
void chain_copy_out(const struct chain *c, char *out, size_t n);

#endif
