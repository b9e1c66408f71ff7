/*
 * coder_gzip.c - the gzip coding, RFC 1952, by zlib.
 */
#include <stdio.h>
#include <zlib.h>

#include "base/check.h"
#include "base/mem.h"
#include "proxy/filter/coder.h"

enum {
	LEVEL = 4,		/* the first that looks ahead; 5 takes 1.5 times as long for 3 % */
	WINDOW_BITS = 15,	/* 32 KiB */
	WITH_GZIP_HEADER = 16,
	MEMORY_LEVEL = 8,
	IDLE_MAX = 8,
};

struct gzip {
	struct coder coder;
	z_stream z;
};

static struct gzip *
of(struct coder *c)
{
	return CONTAINER_OF(c, struct gzip, coder);
}

static struct coder *
create(void)
{
	struct gzip *g = MEM_NEW(struct gzip);

	if (deflateInit2(&g->z, LEVEL, Z_DEFLATED, WINDOW_BITS + WITH_GZIP_HEADER, MEMORY_LEVEL,
	    Z_DEFAULT_STRATEGY) == Z_OK)
		return &g->coder;
	mem_free(g);
	return NULL;
}

static bool
begin(struct coder *c, int64_t size)
{
	(void)size;
	return deflateReset(&of(c)->z) == Z_OK;
}

static bool
run(struct coder *c, enum coder_op op, const char *p, size_t n, struct chain *out)
{
	static const int flush[] = { Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH };
	z_stream *z = &of(c)->z;
	int r;

	CHECK(n <= UINT32_MAX);
	z->next_in = (z_const Bytef *)p;
	z->avail_in = (uInt)n;
	do {
		size_t room;

		z->next_out = (Bytef *)chain_room(out, CODER_ROOM, &room);
		z->avail_out = (uInt)room;
		r = deflate(z, flush[op]);
		chain_commit(out, room - z->avail_out);
		if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
			return false;	/* Z_BUF_ERROR: nothing was left to do */
	} while (z->avail_out == 0);
	return z->avail_in == 0 && (op != CODER_END || r == Z_STREAM_END);
}

static void
destroy(struct coder *c)
{
	(void)deflateEnd(&of(c)->z);
	mem_free(of(c));
}

static void
version(char *out, size_t size)
{
	snprintf(out, size, "zlib %s", zlibVersion());
}

const struct coder_kind coder_gzip = {
	.name = STR("gzip"),
	.memory_bytes = 272 * 1024,
	.idle_max = IDLE_MAX,
	.create = create,
	.begin = begin,
	.run = run,
	.destroy = destroy,
	.version = version,
};
