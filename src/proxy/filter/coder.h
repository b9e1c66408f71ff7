/*
 * coder.h - content codings: bytes of a body in, fewer bytes out.
 *
 *	coder_new() ─► coder_write(), coder_flush() ... ─► coder_end() ─► coder_free()
 *
 * What comes out is appended to a chain, in blocks.  A coder keeps bytes back until there are
 * enough of them to compress well; coder_flush() makes it give them all.
 */
#ifndef USHERD_PROXY_FILTER_CODER_H
#define USHERD_PROXY_FILTER_CODER_H

#include "base/chain.h"
#include "base/str.h"
#include "conf/snapshot.h"

enum {
	CODERS_BYTES = 256 * 1024 * 1024,	/* what the coders of a process may take together */
	CODER_ROOM = 64,			/* zlib wants more than 6 bytes of room to flush */
};

struct coder;

/*
 * A coder for a body of `size` bytes; -1: not known.  NULL if there is no memory for it, or too
 * many are at work, such as those of clients that hardly read: the body goes out as it is.
 */
struct coder *coder_new(enum conf_coding coding, int64_t size);

/* Each appends to `out` what there is.  False: the coder is broken, and good only to be freed. */
bool coder_write(struct coder *c, const char *p, size_t n, struct chain *out);
bool coder_flush(struct coder *c, struct chain *out);	/* gives all that was written so far */
bool coder_end(struct coder *c, struct chain *out);	/* the body is complete */

/* At any time; NULL is fine. */
void coder_free(struct coder *c);

/* The name of a coding, as in Content-Encoding. */
struct str coder_name(enum conf_coding coding);

/* Names and versions of the libraries in use: `zlib 1.2.13, brotli 1.0.9, zstd 1.5.4`. */
void coder_libraries(char *out, size_t size);

/* ---- what a coding is made of: coder_gzip.c, coder_br.c, coder_zstd.c */

enum coder_op { CODER_WRITE, CODER_FLUSH, CODER_END };

struct coder {				/* each kind begins with it */
	const struct coder_kind *kind;
	struct coder *next;		/* among the idle ones */
	bool dirty;			/* bytes were written since the last flush */
};

struct coder_kind {
	struct str name;
	size_t memory_bytes;		/* what one takes at most, measured */
	unsigned idle_max;		/* kept for the next body; 0: none can be used again */

	struct coder *(*create)(void);	/* NULL: no memory */
	bool (*begin)(struct coder *c, int64_t size);	/* for the next body, the first one too */
	bool (*run)(struct coder *c, enum coder_op op, const char *p, size_t n, struct chain *out);
	void (*destroy)(struct coder *c);
	void (*version)(char *out, size_t size);
};

extern const struct coder_kind coder_gzip, coder_br, coder_zstd;

#endif
