/*
 * coder_br.c - the br coding, RFC 7932, by libbrotlienc.
 */
#include <brotli/encode.h>
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "proxy/filter/coder.h"

enum {
	QUALITY = 4,		/* 5 takes 1.7 times as long */
	WINDOW_BITS = 16,	/* 18 takes 4 MB instead of 2, for 3 % */
	HINT_MAX = 1048575,	/* for more, the library takes a table of 4 MB */
};

struct br {
	struct coder coder;
	BrotliEncoderState *state;
};

static struct br *
of(struct coder *c)
{
	return CONTAINER_OF(c, struct br, coder);
}

static struct coder *
create(void)
{
	struct br *b = MEM_NEW(struct br);

	b->state = BrotliEncoderCreateInstance(NULL, NULL, NULL);
	if (b->state != NULL)
		return &b->coder;
	mem_free(b);
	return NULL;
}

static bool
begin(struct coder *c, int64_t size)
{
	BrotliEncoderState *s = of(c)->state;

	if (size >= 0)
		BrotliEncoderSetParameter(s, BROTLI_PARAM_SIZE_HINT,
		    size < HINT_MAX ? (uint32_t)size : HINT_MAX);
	return BrotliEncoderSetParameter(s, BROTLI_PARAM_QUALITY, QUALITY) &&
	    BrotliEncoderSetParameter(s, BROTLI_PARAM_LGWIN, WINDOW_BITS);
}

static bool
run(struct coder *c, enum coder_op op, const char *p, size_t n, struct chain *out)
{
	static const BrotliEncoderOperation ops[] = {
		BROTLI_OPERATION_PROCESS, BROTLI_OPERATION_FLUSH, BROTLI_OPERATION_FINISH,
	};
	BrotliEncoderState *s = of(c)->state;
	const uint8_t *from = (const uint8_t *)p;

	do {
		size_t room, left;
		uint8_t *to = (uint8_t *)chain_room(out, CODER_ROOM, &room);
		BROTLI_BOOL good;

		left = room;
		good = BrotliEncoderCompressStream(s, ops[op], &n, &from, &left, &to, NULL);
		chain_commit(out, room - left);
		if (!good)
			return false;
	} while (n > 0 || BrotliEncoderHasMoreOutput(s));
	return op != CODER_END || BrotliEncoderIsFinished(s);
}

static void
destroy(struct coder *c)
{
	BrotliEncoderDestroyInstance(of(c)->state);
	mem_free(of(c));
}

static void
version(char *out, size_t size)
{
	uint32_t v = BrotliEncoderVersion();

	snprintf(out, size, "brotli %u.%u.%u", v >> 24, v >> 12 & 0xfff, v & 0xfff);
}

const struct coder_kind coder_br = {
	.name = STR("br"),
	.memory_bytes = 2 * 1024 * 1024,
	.create = create,
	.begin = begin,
	.run = run,
	.destroy = destroy,
	.version = version,
};
