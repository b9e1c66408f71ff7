/*
 * coder_zstd.c - the zstd coding, RFC 8878, by libzstd.
 */
#include <stdio.h>
#include <zstd.h>

#include "base/check.h"
#include "base/mem.h"
#include "proxy/filter/coder.h"

enum {
	LEVEL = 3,
	WINDOW_BITS = 17,	/* 128 KiB; browsers take up to 8 MiB: RFC 9659 */
	IDLE_MAX = 4,
};

struct zstd {
	struct coder coder;
	ZSTD_CCtx *context;
};

static struct zstd *
of(struct coder *c)
{
	return CONTAINER_OF(c, struct zstd, coder);
}

static void
destroy(struct coder *c)
{
	ZSTD_freeCCtx(of(c)->context);
	mem_free(of(c));
}

static struct coder *
create(void)
{
	struct zstd *z = MEM_NEW(struct zstd);

	z->context = ZSTD_createCCtx();
	if (z->context != NULL &&
	    !ZSTD_isError(ZSTD_CCtx_setParameter(z->context, ZSTD_c_compressionLevel, LEVEL)) &&
	    !ZSTD_isError(ZSTD_CCtx_setParameter(z->context, ZSTD_c_windowLog, WINDOW_BITS)))
		return &z->coder;
	destroy(&z->coder);
	return NULL;
}

static bool
begin(struct coder *c, int64_t size)
{
	(void)size;
	return !ZSTD_isError(ZSTD_CCtx_reset(of(c)->context, ZSTD_reset_session_only));
}

static bool
run(struct coder *c, enum coder_op op, const char *p, size_t n, struct chain *out)
{
	static const ZSTD_EndDirective ops[] = { ZSTD_e_continue, ZSTD_e_flush, ZSTD_e_end };
	ZSTD_inBuffer from = { p, n, 0 };
	size_t left;

	do {
		ZSTD_outBuffer to = { .pos = 0 };

		to.dst = chain_room(out, CODER_ROOM, &to.size);
		left = ZSTD_compressStream2(of(c)->context, &to, &from, ops[op]);
		chain_commit(out, to.pos);
		if (ZSTD_isError(left))
			return false;
	} while (from.pos < from.size || (op != CODER_WRITE && left > 0));
	return true;
}

static void
version(char *out, size_t size)
{
	snprintf(out, size, "zstd %s", ZSTD_versionString());
}

const struct coder_kind coder_zstd = {
	.name = STR("zstd"),
	.memory_bytes = 1700 * 1024,
	.idle_max = IDLE_MAX,
	.create = create,
	.begin = begin,
	.run = run,
	.destroy = destroy,
	.version = version,
};
